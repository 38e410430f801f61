internal import Engine
internal import FoundationEssentials
internal import PodiumModel
internal import Support
internal import Synchronization

/// The endpoints as they were last told, each with its JSON: only what has changed is encoded again, and who asks again gets
/// that alone. With 10,000 endpoints nearly all of them stand still between two questions. Pure.
struct EndpointPictures: Sendable {
    private struct Entry {
        var endpoint: Snapshot.Endpoint
        var json: [UInt8]
        /// The version that brought it as it is.
        var version: UInt64
    }

    /// Raised by each picture in which something is different.
    private(set) var version: UInt64
    /// The last version that lost an endpoint, which no list of changes tells; before the first one nothing is known.
    private var lossVersion: UInt64
    /// In rank order.
    private var entries: [Entry] = []

    /// - Parameter version: higher than any that an earlier process has told, so that nobody takes one for the other.
    init(version: UInt64) {
        self.version = version
        lossVersion = version
    }

    /// - Parameter endpoints: all of them, in rank order.
    /// - Throws: what `encode` throws; then nothing has changed.
    mutating func update(
        _ endpoints: [Snapshot.Endpoint], encode: (Snapshot.Endpoint) throws -> [UInt8]
    ) rethrows {
        let next = version + 1
        var updated: [Entry] = []
        updated.reserveCapacity(endpoints.count)
        var places: [UInt32: Int]?
        var (hasChanged, known) = (false, 0)
        for (index, endpoint) in endpoints.enumerated() {
            let place: Int?
            if index < entries.count, entries[index].endpoint.id == endpoint.id {
                place = index
            } else {
                let map = places ?? Self.places(entries)
                places = map
                place = map[endpoint.id]
            }
            if place != nil { known += 1 }
            if let place, entries[place].endpoint == endpoint {
                updated.append(entries[place])
            } else {
                updated.append(Entry(endpoint: endpoint, json: try encode(endpoint), version: next))
                hasChanged = true
            }
        }
        let hasLost = known < entries.count
        entries = updated
        if hasChanged || hasLost { version = next }
        if hasLost { lossVersion = next }
    }

    /// The JSON array of those that changed after a version; of all where the version is nil, unknown, or from before a loss.
    func json(since known: UInt64?) -> (bytes: [UInt8], isPartial: Bool) {
        let since = known.flatMap { $0 >= lossVersion && $0 <= version ? $0 : nil }
        let told = entries.lazy.filter { $0.version > since ?? 0 }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(2 + told.reduce(0) { $0 + $1.json.count + 1 })
        bytes.append(UInt8(ascii: "["))
        for entry in told {
            if bytes.count > 1 { bytes.append(UInt8(ascii: ",")) }
            bytes += entry.json
        }
        bytes.append(UInt8(ascii: "]"))
        return (bytes, since != nil)
    }

    private static func places(_ entries: [Entry]) -> [UInt32: Int] {
        Dictionary(entries.enumerated().map { ($1.endpoint.id, $0) }, uniquingKeysWith: { first, _ in first })
    }
}

/// Encodes what holds a list of endpoints, with help of what was encoded for the question before.
final class EndpointEncoder: Sendable {
    private let pictures: Mutex<EndpointPictures>

    init() {
        // Microseconds: an earlier process never got as far, and JSON's numbers hold them exactly.
        pictures = Mutex(EndpointPictures(version: WallClock.now.wholeMicroseconds))
    }

    /// A list of endpoints as JSON.
    struct List {
        var json: [UInt8]
        var version: UInt64
        /// What it is a list of changes since; nil: it holds all of them.
        var since: UInt64?
    }

    /// - Parameters:
    ///   - known: the version that the asker holds.
    ///   - take: makes the picture and its endpoints, in rank order.
    func list<Picture>(
        since known: UInt64? = nil, _ take: () -> (Picture, [Snapshot.Endpoint])
    ) throws -> (Picture, List) {
        // Taken under the lock, so that an older picture never replaces a newer one.
        try pictures.withLock { pictures in
            let (picture, endpoints) = take()
            let encoder = JSONBody.encoder
            try pictures.update(endpoints) { Array(try encoder.encode($0)) }
            let (json, isPartial) = pictures.json(since: known)
            return (picture, List(json: json, version: pictures.version, since: isPartial ? known : nil))
        }
    }

    /// The picture, whose own list of endpoints has to be empty, with this list in its place. Quotation marks
    /// inside texts are escaped, so there is one such place.
    static func encode(_ picture: some Encodable, with list: List) throws -> [UInt8] {
        let json = try JSONBody.encode(picture)
        let key = Array(#""endpoints":"#.utf8)
        guard let place = json.firstRange(of: key + Array("[]".utf8)) else {
            throw EncodingError.invalidValue(
                "endpoints", .init(codingPath: [], debugDescription: "there is no empty list of endpoints"))
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(json.count + list.json.count)
        bytes += json[..<place.lowerBound]
        bytes += key
        bytes += list.json
        bytes += json[place.upperBound...]
        return bytes
    }
}
