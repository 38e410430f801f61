import Testing

@testable import LLMWire

/// The ids of what an endpoint has made, in the forms in which the APIs answer.
struct MadeIDReaderTests {
    private static func id(_ text: String) -> MadeID? { Array(text.utf8).withUnsafeBytes { MadeID($0) } }

    private static func read(_ body: String, isStream: Bool, cut: Int? = nil) -> MadeIDReader {
        var reader = MadeIDReader(isStream: isStream)
        let bytes = Array(body.utf8)
        for piece in [bytes[..<(cut ?? bytes.count)], bytes[(cut ?? bytes.count)...]] {
            piece.withUnsafeBytes { reader.read($0) }
        }
        return reader
    }

    static let event = """
        event: response.created
        data: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response",\
        "instructions":"say \\"id\\"","tools":[{"id":"no","type":"x"}],"metadata":{"id":"no"},"store":true}}


        """
    static let answers = [
        (#"{"id":"file_1","type":"file","filename":"a.pdf"}"#, false, "file_1"),
        (#"{"object":"batch","errors":{"id":"no"},"list":[{"id":"no"}],"id":"batch_1","n":1}"#, false, "batch_1"),
        (#"  {"id":"resp_1","output":[{"id":"msg_1","content":[]}],"store":true}"#, false, "resp_1"),
        (#"{"id":"resp_1","store":false,"output":[]}"#, false, nil),
        (#"{"data":[{"id":"file_1"}]}"#, false, nil), (#"{"id":7}"#, false, nil), (#"{"id":""}"#, false, nil),
        ("<html>", false, nil), ("[]", false, nil),
        (event, true, "resp_1"), (": ping\n\nevent: ping\ndata: {\"type\":\"ping\"}\n\n" + event, true, "resp_1"),
        (event.replacing("\"store\":true", with: "\"store\":false"), true, nil),
        ("data: [DONE]\n\n", true, nil), ("data: {\"id\":\"chatcmpl-1\"}\n\n", true, nil),
    ]

    @Test(arguments: answers)
    func theIDIsFoundHoweverTheBodyIsCut(body: String, isStream: Bool, id: String?) {
        let expected = id.flatMap { Self.id($0) }
        for cut in 0...body.utf8.count {
            #expect(Self.read(body, isStream: isStream, cut: cut).id == expected, "cut at \(cut)")
        }
    }

    @Test func itReadsNoFurtherThanItHasTo() {
        #expect(Self.read(Self.event, isStream: true).isFinished)
        #expect(!Self.read("data: {\"type\":\"ping\"}\n\n", isStream: true).isFinished)
        #expect(Self.read(String(repeating: ": \n", count: MadeIDReader.limit / 3 + 1), isStream: true).isFinished)
        #expect(Self.read("no JSON", isStream: false).isFinished)
    }

    @Test(arguments: [
        (#"{"messages":[{"content":[{"source":{"type":"file","file_id":"file_1"}}]}]}"#, ["file_1"]),
        (#"{"input":[{"file_id" : "a"},{"file_id":"b"}],"input_file_id":"c"}"#, ["a", "b", "c"]),
        (#"{"text":"\"file_id\":\"no\"","file_id":null,"file_ids":["no"]}"#, []), (#"{"file_id":""}"#, []), ("", []),
    ])
    func filesAreFoundHoweverDeepAndHoweverTheBodyIsCut(body: String, files: [String]) {
        let bytes = Array(body.utf8)
        for cut in 0...bytes.count {
            var reader = FileReferenceReader()
            var found: [MadeID] = []
            bytes[..<cut].withUnsafeBytes { reader.read($0) { found.append($0) } }
            bytes[cut...].withUnsafeBytes { reader.read($0) { found.append($0) } }
            #expect(found == files.compactMap { Self.id($0) }, "cut at \(cut)")
        }
    }

    @Test func aRequestNamesWhatItGoesOnWith() {
        for key in ["previous_response_id", "input_file_id"] {
            var reader = RequestReader()
            Array(#"{"input":[{"previous_response_id":"no"}],"\#(key)":"x"}"#.utf8).withUnsafeBytes { reader.read($0) }
            #expect(reader.madeID == Self.id("x"))
        }
        var reader = RequestReader()
        Array(#"{"previous_response_id":null}"#.utf8).withUnsafeBytes { reader.read($0) }
        #expect(reader.madeID == nil)
    }
}
