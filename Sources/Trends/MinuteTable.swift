/// Sums of each minute of the last hour by endpoint, in memory alone: the finest that a graph shows, and gone with the process.
///
/// Models and clients are not told apart here, so that a busy hour stays small. Pure: the minute comes with what is added.
public struct MinuteTable: Sendable {
    /// As many minutes as are kept.
    public static let minutes = 60
    /// As many cells as there may be; what comes beyond is counted under `other`. A cell has some KB.
    public static let limit = 4_000

    private struct Key: Hashable {
        var minute: Int64
        var endpoint: Int32
    }

    private var cells: [Key: Cell] = [:]
    private var newest = Int64.min
    private let other: Int32

    /// How many cells there are.
    public var count: Int { cells.count }

    /// - Parameter other: the number of the name that stands for all that there is no room for
    public init(other: Int32) { self.other = other }

    /// Takes requests in that were added up together.
    public mutating func add(_ sums: EntrySums) {
        for part in sums.parts {
            if part.minute > newest {
                newest = part.minute
                let oldest = newest - Int64(Self.minutes - 1) * 60
                cells = cells.filter { $0.key.minute >= oldest }
            }
            var key = Key(minute: part.minute, endpoint: part.endpoint)
            if cells.count >= Self.limit, cells[key] == nil { key.endpoint = other }
            cells[key, default: Cell()].add(part.cell)
        }
    }

    /// The minutes that began then, as rows whose start is the unix time of their beginning.
    public func rows(_ names: NameTable, from: Int64, to: Int64) -> [UsageRow] {
        cells.filter { $0.key.minute >= from && $0.key.minute < to }.map { key, cell in
            UsageRow(
                period: .hour, start: key.minute, endpoint: names.text(key.endpoint), model: "", client: "", cell: cell)
        }
    }
}
