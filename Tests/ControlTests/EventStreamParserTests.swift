import Testing

@testable import Control

struct EventStreamParserTests {
    private let stream =
        ": hello\n\nid: 7\nevent: event\ndata: {\"a\":\ndata: 1}\n\nevent:missed\r\ndata:3\r\n\r\nid: 8\n\n"

    private let expected = [
        EventStreamParser.Message(event: "event", data: "{\"a\":\n1}", id: "7"),
        EventStreamParser.Message(event: "missed", data: "3", id: nil),
    ]

    @Test(arguments: 1...20)
    func piecesOfAnySizeGiveTheSameMessages(_ size: Int) {
        let bytes = Array(stream.utf8)
        var parser = EventStreamParser()
        var messages: [EventStreamParser.Message] = []
        for start in stride(from: 0, to: bytes.count, by: size) {
            messages += parser.parse(bytes[start..<min(start + size, bytes.count)])
        }
        #expect(messages == expected)
    }
}
