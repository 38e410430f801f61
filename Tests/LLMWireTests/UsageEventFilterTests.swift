import TestSupport
import Testing

@testable import LLMWire

@Suite("Taking the usage that the client has not asked for out of a stream")
struct UsageEventFilterTests {
    private func filtered(_ text: String, isStream: Bool? = true, cuts: [Int] = []) -> String {
        var filter = UsageEventFilter(isStream: isStream)
        var result: [UInt8] = []
        var kept: [UInt8] = []
        func perform(_ step: UsageEventFilter.Step, _ piece: [UInt8]) {
            switch step {
            case .pass(let range): result += piece[range]
            case .keep(let range): kept += piece[range]
            case .release:
                result += kept
                kept = []
            case .drop: kept = []
            }
        }
        for piece in Array(text.utf8).pieces(cuts).map(Array.init) {
            piece.withUnsafeBytes { bytes in filter.read(bytes) { perform($0, piece) } }
        }
        filter.finish { perform($0, []) }
        #expect(kept.isEmpty)
        return String(decoding: result, as: UTF8.self)
    }

    private static let usage =
        #"{"id":"1","object":"chat.completion.chunk","choices":[],"usage":{"prompt_tokens":1,"x":{"y":[2]}}}"#
    /// What stays.
    private static let others = [
        #"{"id":"1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null}"#,
        #"{"id":"1","choices":[{"index":0,"delta":{"content":"\"choices\":[],\"usage\":{}"}}]}"#,
        // Azure begins with one that has no usage.
        #"{"choices":[],"prompt_filter_results":[{"x":{}}]}"#,
        #"{"choices":[],"usage":null}"#,
        #"{"usage":{"prompt_tokens":1},"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        #"{"choices":{},"usage":{}}"#, #"{"x":{"choices":[]},"usage":{}}"#, #"{"usage":{"choices":[]}}"#,
        #"{"error":{"message":"no"}}"#, "[DONE]", "no JSON", "", #"{"choices":[],"usage":{}"#,
    ]
    /// What goes.
    private static let hidden = [
        usage, #"{"usage":{"a":1},"choices":[]}"#, #" {"choices" : [ ] ,"usage": {} } "#,
        #"{"choices":null,"usage":{"total_tokens":3}}"#,
    ]

    private func event(_ data: String, end: String) -> String { "data: \(data)\(end)\(end)" }

    @Test("Events stay or go, wherever the bytes are cut and whatever the lines end with")
    func events() {
        for end in ["\n", "\r\n", "\r"] {
            for hidden in Self.hidden {
                for other in Self.others {
                    let (stays, goes) = (event(other, end: end), event(hidden, end: end))
                    let text = ": hello\(end)\(end)" + stays + goes + stays + goes
                    let expected = ": hello\(end)\(end)" + stays + stays
                    #expect(filtered(text) == expected)
                    let count = text.utf8.count
                    #expect(filtered(text, cuts: Array(1..<count)) == expected, "\(text)")
                    for cut in 1..<count where filtered(text, cuts: [cut]) != expected {
                        Issue.record("cut at \(cut): \(text)")
                    }
                }
            }
        }
    }

    @Test("An event of several lines is one, and its other lines go with it")
    func lines() {
        let text =
            "id: 7\nevent: x\ndata: {\"choices\":\ndata: [],\n: c\ndata:\"usage\":{}}\nretry: 1\n\ndata: [DONE]\n\n"
        for cut in 0..<text.utf8.count { #expect(filtered(text, cuts: [cut]) == "data: [DONE]\n\n") }
    }

    @Test("What breaks off is the client's, and so is an event that keeps its choices for long")
    func ends() {
        let cut = String(event(Self.usage, end: "\n").dropLast())
        #expect(filtered(cut) == cut)
        let long = event("{\"x\":\"\(String(repeating: "y", count: 20_000))\",\"choices\":[],\"usage\":{}}", end: "\n")
        #expect(filtered(long, cuts: [17_000]) == long)
        #expect(filtered(long).isEmpty)
    }

    @Test("An answer that is no stream passes, by its first byte where its media type says nothing")
    func whole() {
        let text = " \n" + Self.usage + "\n\n"
        #expect(filtered(text, isStream: nil, cuts: [1]) == text)
        #expect(filtered(Self.usage, isStream: false) == Self.usage)
        #expect(filtered(event(Self.usage, end: "\n"), isStream: nil).isEmpty)
    }

    @Test("Of 2,000 streams made by chance the client gets what it would have got")
    func random() {
        var random = SeededRandom(seed: 11)
        for _ in 0..<2_000 {
            var (text, expected) = ("", "")
            for _ in 0..<Int.random(in: 1...6, using: &random) {
                let end = ["\n", "\r\n", "\r"].randomElement(using: &random) ?? "\n"
                if Int.random(in: 0..<3, using: &random) == 0 {
                    text += event(Self.hidden.randomElement(using: &random) ?? "", end: end)
                    // A line feed behind a carriage return is part of the line end.
                } else {
                    let one = event(Self.others.randomElement(using: &random) ?? "", end: end)
                    text += one
                    expected += one
                }
            }
            let count = text.utf8.count
            let cuts = Set(
                (0..<Int.random(in: 0...8, using: &random)).map { _ in Int.random(in: 0...count, using: &random) })
            #expect(filtered(text, cuts: cuts.sorted()) == expected)
        }
    }
}
