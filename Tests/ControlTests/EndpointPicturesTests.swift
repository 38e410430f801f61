import PodiumModel
import TestSupport
import Testing

@testable import Control

struct EndpointPicturesTests {
    private func endpoint(_ id: UInt32, _ name: String, rank: Int) -> Snapshot.Endpoint {
        var endpoint = Snapshot.Endpoint()
        (endpoint.id, endpoint.name, endpoint.rank) = (id, name, rank)
        return endpoint
    }

    /// Its name stands for its JSON.
    private func update(
        _ pictures: inout EndpointPictures, _ endpoints: [Snapshot.Endpoint]
    ) -> [String] {
        var encoded: [String] = []
        pictures.update(endpoints) { endpoint in
            encoded.append(endpoint.name)
            return Array(endpoint.name.utf8)
        }
        return encoded
    }

    private func told(_ pictures: EndpointPictures, since version: UInt64?) -> (list: String, isPartial: Bool) {
        let (bytes, isPartial) = pictures.json(since: version)
        return (String(decoding: bytes, as: UTF8.self), isPartial)
    }

    @Test func onlyWhatChangedIsEncodedAndTold() {
        var pictures = EndpointPictures(version: 1_000)
        let all = (0..<4).map { endpoint(UInt32($0), "\($0)", rank: $0 + 1) }
        #expect(update(&pictures, all) == ["0", "1", "2", "3"])
        #expect(told(pictures, since: nil) == ("[0,1,2,3]", false))
        let first = pictures.version
        #expect(update(&pictures, all).isEmpty)
        #expect(pictures.version == first)
        #expect(told(pictures, since: first) == ("[]", true))
        // Two change places, and one comes.
        let moved = [all[0], endpoint(2, "2'", rank: 2), endpoint(1, "1'", rank: 3), all[3], endpoint(9, "9", rank: 5)]
        #expect(update(&pictures, moved) == ["2'", "1'", "9"])
        #expect(told(pictures, since: first) == ("[2',1',9]", true))
        #expect(told(pictures, since: nil) == ("[0,2',1',3,9]", false))
    }

    @Test func whoKnowsOfOneThatIsGoneIsToldAll() {
        var pictures = EndpointPictures(version: 1_000)
        let all = (0..<3).map { endpoint(UInt32($0), "\($0)", rank: $0 + 1) }
        _ = update(&pictures, all)
        let before = pictures.version
        _ = update(&pictures, [all[0], endpoint(2, "2'", rank: 2)])
        #expect(told(pictures, since: before) == ("[0,2']", false))
        #expect(told(pictures, since: pictures.version) == ("[]", true))
        _ = update(&pictures, [])
        #expect(told(pictures, since: nil) == ("[]", false))
    }

    @Test func aVersionOfAnotherProcessIsNoVersion() {
        var pictures = EndpointPictures(version: 1_000)
        _ = update(&pictures, [endpoint(0, "0", rank: 1)])
        for version: UInt64 in [0, 1, 999, pictures.version + 1, .max] {
            #expect(told(pictures, since: version) == ("[0]", false), "\(version)")
        }
    }

    /// Whatever happens in whatever order, the changes put onto what was known are what there is.
    @Test(arguments: 0..<20) func changesAddUpToTheWhole(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var pictures = EndpointPictures(version: 1_000)
        var present: [UInt32: String] = [:]
        var known: (version: UInt64?, endpoints: [String: String]) = (nil, [:])
        for step in 0..<60 {
            for _ in 0..<Int.random(in: 0...3, using: &random) {
                let id = UInt32.random(in: 0..<8, using: &random)
                present[id] = Bool.random(using: &random) ? "\(id)-\(step)" : nil
            }
            let ids = present.keys.sorted().shuffled(using: &random)
            _ = update(&pictures, ids.enumerated().map { endpoint($1, present[$1] ?? "", rank: 1) })
            guard Bool.random(using: &random) else { continue }
            let (list, isPartial) = told(pictures, since: known.version)
            if !isPartial { known.endpoints = [:] }
            for name in list.dropFirst().dropLast().split(separator: ",") {
                known.endpoints[String(name.prefix { $0 != "-" })] = String(name)
            }
            known.version = pictures.version
            #expect(Set(known.endpoints.values) == Set(present.values))
        }
    }
}
