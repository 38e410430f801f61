import Testing

@testable import LLMWire

@Suite("Putting the client's name of the model into an answer")
struct ModelRestorerTests {
    private func restored(_ api: LLMAPI, isStream: Bool?, _ text: String, cuts: [Int]) -> String {
        var restorer = ModelRestorer(api: api, isStream: isStream)
        var result: [UInt8] = []
        for piece in Array(text.utf8).pieces(cuts).map(Array.init) {
            var place = 0
            piece.withUnsafeBytes { bytes in
                restorer.read(bytes) { cut in
                    result += piece[place..<cut.range.lowerBound]
                    if cut.inserts { result += Array("ASKED".utf8) }
                    place = cut.range.upperBound
                }
            }
            result += piece[place...]
        }
        return String(decoding: result, as: UTF8.self)
    }

    /// The marks «…» stand around what is to be replaced.
    private func check(_ api: LLMAPI, isStream: Bool?, _ marked: String) {
        let text = marked.replacing("«", with: "").replacing("»", with: "")
        var expected = ""
        var isInside = false
        for character in marked {
            switch character {
            case "«": (isInside, expected) = (true, expected + "ASKED")
            case "»": isInside = false
            default: if !isInside { expected.append(character) }
            }
        }
        let count = text.utf8.count
        #expect(restored(api, isStream: isStream, text, cuts: []) == expected)
        #expect(restored(api, isStream: isStream, text, cuts: Array(1..<count)) == expected)
        for cut in 1..<count where restored(api, isStream: isStream, text, cuts: [cut]) != expected {
            Issue.record("cut at \(cut): \(restored(api, isStream: isStream, text, cuts: [cut]))")
        }
    }

    @Test("In an answer that is no stream it stands at the top, and nowhere else")
    func whole() {
        for api in LLMAPI.allCases {
            check(
                api, isStream: false,
                #"{"id":"x","content":[{"model":"inner"}],"usage":{"model":"u"}, "model" : "«gpt-5.6»","text":"model","n":1}"#
            )
            check(api, isStream: nil, #" {"mod\u0065l":"«a\"\\\u00e9\ud83d\ude00é»","model_x":"b"}"#)
            check(api, isStream: false, #"{"model":"«»","x":{}}"#)
            check(api, isStream: false, #"{"model":null,"x":"y"}"#)
            check(api, isStream: false, #"["model","x"]"#)
        }
    }

    @Test("A stream of Messages names it once")
    func messages() {
        check(
            .messages, isStream: true,
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"content\":[{\"model\":\"i\"}],\"model\":\"«gpt»\",\"usage\":{}}}\n\n"
                + "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"{\\\"model\\\":\\\"x\\\"}\"}}\n\n"
        )
    }

    @Test("Each chunk of Chat Completions names it, in streams of any line ends")
    func chat() {
        for end in ["\n", "\r\n", "\r"] {
            check(
                .chatCompletions, isStream: end == "\n" ? true : nil,
                [
                    ": comment", "", #"data: {"id":"1","model":"«m1»","choices":[{"delta":{"content":"model"}}]}"#, "",
                    #"data:{"choices":[],"model":"«m2»"}"#, "", #"data: {"model":null,"choices":[]}"#, "",
                    #"data: {"a":1,"#, #"data: "model":"«m3»"}"#, "", "data: [DONE]", "", "",
                ].joined(separator: end))
        }
    }

    @Test("The Responses of a stream name it in those events that hold the response")
    func responses() {
        let marked =
            [
                #"{"type":"response.created","response":{"id":"r","tools":[{"model":"t"}],"model":"«m»","output":[]}}"#,
                #"{"type":"response.output_text.delta","delta":"hi","item":{"model":"n"}}"#,
                #"{"type":"response.completed","response":{"model":"«m»","usage":{"model":1}}}"#,
            ].map { "event: x\ndata: \($0)\n\n" }.joined()
        check(.responses, isStream: true, marked)
    }

    @Test("What is no JSON passes")
    func foreign() {
        check(.chatCompletions, isStream: false, #"{"model" "x"}"#)
        check(.chatCompletions, isStream: true, "data: nonsense \"model\":\"x\"\n\ndata: {\"model\":\"«y»\"}\n\n")
    }
}
