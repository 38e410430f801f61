internal import HTTPWire
internal import LLMWire
internal import Ranking
internal import Synchronization

/// Which endpoint has made what clients may ask for by an id: stored responses, files, batches. No other endpoint knows them.
///
/// Pure. It holds at most `capacity` ids; one more takes the place of the one that was learned first.
struct MadeIDTable {
    static let capacity = 20_000

    private struct Owner {
        var endpoint: EndpointID
        var isFile: Bool
    }

    private var owners: [MadeID: Owner] = [:]
    /// In the order in which they were learned, once all room is taken from `oldest` on.
    private var ids: [MadeID] = []
    private var oldest = 0
    private(set) var fileCount = 0

    var count: Int { owners.count }

    func owner(of id: MadeID) -> EndpointID? { owners[id]?.endpoint }

    mutating func insert(_ id: MadeID, madeBy endpoint: EndpointID, isFile: Bool) {
        if let known = owners[id] {
            fileCount -= known.isFile ? 1 : 0
        } else if ids.count < Self.capacity {
            ids.append(id)
        } else {
            if let gone = owners.removeValue(forKey: ids[oldest]), gone.isFile { fileCount -= 1 }
            ids[oldest] = id
            oldest = oldest + 1 == Self.capacity ? 0 : oldest + 1
        }
        owners[id] = Owner(endpoint: endpoint, isFile: isFile)
        fileCount += isFile ? 1 : 0
    }
}

/// The ids that all event loops have learned. As long as there is none, a request looks at one number.
final class MadeIDs: Sendable {
    private let table = Mutex(MadeIDTable())
    private let hasAny = Atomic<Bool>(false)
    private let hasFiles = Atomic<Bool>(false)

    @inline(__always)
    var areEmpty: Bool { !hasAny.load(ordering: .relaxed) }
    var includeFiles: Bool { hasFiles.load(ordering: .relaxed) }

    func owner(of id: MadeID) -> EndpointID? { table.withLock { $0.owner(of: id) } }

    func insert(_ id: MadeID, madeBy endpoint: EndpointID, isFile: Bool) {
        table.withLock { table in
            table.insert(id, madeBy: endpoint, isFile: isFile)
            hasFiles.store(table.fileCount > 0, ordering: .relaxed)
        }
        hasAny.store(true, ordering: .relaxed)
    }
}

/// What a path has to do with things that an endpoint makes: `/v1/responses`, `/v1/files`, `/v1/batches`, `/v1/messages/batches`, with
/// or without `/v1`.
enum MadeIDPath: Equatable {
    case none
    /// A POST to it makes one.
    case collection(isFiles: Bool)
    /// It names one, at these offsets.
    case item(Range<Int>)

    private static let collections: [StaticString] = ["/messages/batches", "/responses", "/batches", "/files"]

    /// - Parameter path: without a query
    init(_ path: UnsafeRawBufferPointer) {
        let start = path.begins(with: "/v1/") ? 3 : 0
        let rest = path.slice(start..<path.count)
        self = .none
        for collection in Self.collections where rest.begins(with: collection) {
            let end = collection.utf8CodeUnitCount
            if rest.count == end || (rest.count == end + 1 && rest[end] == UInt8(ascii: "/")) {
                self = .collection(isFiles: rest.begins(with: "/files"))
            } else if rest[end] == UInt8(ascii: "/") {
                let tail = rest.slice(end + 1..<rest.count)
                let length = tail.firstIndex(of: UInt8(ascii: "/")) ?? tail.count
                self = .item(start + end + 1..<start + end + 1 + length)
            }
            return
        }
    }
}
