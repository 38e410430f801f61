import Support
import PureSupport
import Ranking
import TestSupport
import Testing

@testable import Proxy

/// Dates on answers, and ends that must not look like the proper end.
@Suite(.timeLimit(.minutes(15)))
struct AnswerEndTests {
    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        // RFC 9110 §5.6.7
        (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        // The leap days of a century that is one and of one that is not, and the days around them.
        (951_782_400, "Tue, 29 Feb 2000 00:00:00 GMT"), (951_868_799, "Tue, 29 Feb 2000 23:59:59 GMT"),
        (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"), (4_107_542_399, "Sun, 28 Feb 2100 23:59:59 GMT"),
        (1_798_761_599, "Thu, 31 Dec 2026 23:59:59 GMT"),
    ])
    func datesAreWrittenAsTheyAreRead(time: Int, text: String) {
        #expect(HTTPDate.text(unixTime: time) == text)
        #expect(HTTPDate.unixTime(text) == time)
    }

    @Test func anAnswerWithoutADateGetsOne() async throws {
        let upstream = try await ScriptedUpstream.start { _ in [.send(Wire.ok("answer"))] }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let before = WallClock.wholeSeconds
        let answer = try await proxy.exchange(Wire.post())
        let dates = answer.split(separator: "\r\n").filter { $0.hasPrefix("Date: ") }
        #expect(dates.count == 1)
        let time = dates.first.flatMap { HTTPDate.unixTime(String($0.dropFirst(6))) } ?? 0
        #expect((before...WallClock.wholeSeconds).contains(time))
        await proxy.stop()
    }

    @Test func theEndpointsDateStands() async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [.send(Wire.ok("answer", headers: "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let answer = try await proxy.exchange(Wire.post())
        #expect(answer.contains("\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n"))
        #expect(!answer.contains("\r\nDate: "))
        await proxy.stop()
    }

    @Test func ourOwnAnswersAreDated() async throws {
        let proxy = try await ProxyHarness.start([])
        #expect(try await proxy.exchange(Wire.post()).contains("\r\nDate: "))
        await proxy.stop()
    }

    /// HTTP/1.0 knows no end but the connection's: one that was cut short has to end in an error.
    @Test(arguments: [true, false])
    func anHTTP10BodyThatIsCutShortEndsInAReset(isCutShort: Bool) async throws {
        let upstream = try await ScriptedUpstream.start { _ in
            [
                .send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"), .hold("end"),
                isCutShort ? .close : .send("0\r\n\r\n"),
            ]
        }
        let proxy = try await ProxyHarness.start([.local(1, upstream)])
        let client = try await RawClient.connect(port: proxy.port)
        try await client.send("GET /v1/models HTTP/1.0\r\n\r\n")
        #expect(await client.until("hello").hasSuffix("\r\n\r\nhello"))
        upstream.release("end")
        _ = await client.untilClosed()
        #expect(client.wasReset == isCutShort)
        await proxy.stop()
    }
}
