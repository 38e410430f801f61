import PodiumModel
import TestSupport
import Testing

@testable import Control

/// Requests that somebody has tampered with: whatever is answered, the server goes on.
@Suite(.timeLimit(.minutes(15)))
struct MutationTests {
    private static let originals = [
        "GET /admin/api/snapshot?events_since=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
        "PATCH /admin/api/endpoints/a HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 14\r\n"
            + "If-Match: \"1\"\r\nConnection: close\r\n\r\n{\"tags\":[\"x\"]}",
        "POST /admin/api/endpoints HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n"
            + "Expect: 100-continue\r\n\r\n5\r\n{\"nam\r\n8\r\ne\":\"zz\"}\r\n0\r\n\r\n"
            + "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ]

    private func mutated(_ original: String, _ random: inout SeededRandom) -> [UInt8] {
        var bytes = Array(original.utf8)
        for _ in 0..<Int.random(in: 1...4, using: &random) {
            let place = Int.random(in: 0..<bytes.count, using: &random)
            switch Int.random(in: 0..<5, using: &random) {
            case 0: bytes[place] = UInt8.random(in: .min ... .max, using: &random)
            case 1: bytes.remove(at: place)
            case 2: bytes.insert(UInt8.random(in: .min ... .max, using: &random), at: place)
            case 3: bytes.insert(contentsOf: bytes[place..<min(place + 20, bytes.count)], at: place)
            default: bytes.swapAt(place, Int.random(in: 0..<bytes.count, using: &random))
            }
        }
        return bytes
    }

    @Test(arguments: 0..<originals.count) func theServerGoesOn(_ index: Int) async throws {
        var random = SeededRandom(seed: UInt64(index + 1))
        try await ControlHarness.run { podium in
            for _ in 0..<200 {
                let raw = try await RawClient.connect(socket: podium.socket)
                try? await raw.send(mutated(Self.originals[index], &random))
                try? await raw.finish()
                let answer = await raw.untilClosed()
                #expect(answer.isEmpty || answer.hasPrefix("HTTP/1."), "\(answer)")
                // The status alone: a time in the snapshot may be 500 ms.
                #expect(!answer.contains("HTTP/1.1 500 "), "\(answer)")
            }
            _ = try await podium.client.snapshot()
        }
    }

    /// An unmutated one works, so that the others test more than the first byte.
    @Test func theOriginalsAreUnderstood() async throws {
        try await ControlHarness.run { podium in
            for original in Self.originals {
                let raw = try await RawClient.connect(socket: podium.socket)
                try await raw.send(original)
                let answer = await raw.untilClosed()
                #expect(!answer.contains("HTTP/1.1 400 "), "\(answer)")
            }
        }
    }
}
