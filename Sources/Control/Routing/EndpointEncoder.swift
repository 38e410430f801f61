internal import Engine
internal import FoundationEssentials
internal import PodiumModel
internal import Synchronization

internal import Support

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
