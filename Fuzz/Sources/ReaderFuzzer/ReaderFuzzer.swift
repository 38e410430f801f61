import Foundation  // brings the C library's mathematics along, which rounding needs
import FuzzDriver
import LLMWire
import Verdicts

/// What the readers say of one input: of an answer, of a request, of a refusal. However the bytes are cut, it has to be the same.
///
/// The first byte chooses the API, the status, and what kind of media the answer calls itself; the second one is the least length
/// of a piece.
struct Reading: Equatable {
    var events: [String] = []
    var ending: AnswerReader.Ending?
    var usage = Usage()
    var error: AnswerReader.NamedError?
    var words: [String?] = []
    var sign: Finding.Sign
    var session: SessionKey?
    var request: [Bool?]

    init(_ choice: UInt8, _ bytes: UnsafeRawBufferPointer, pieces size: Int) {
        let api = LLMAPI.allCases[Int(choice) % LLMAPI.allCases.count]
        let status = choice & 0x10 == 0 ? 200 : 429
        let type = ["text/event-stream", "application/json", nil, "text/html"][Int(choice >> 5) % 4]
        var reader = AnswerReader(api: api, status: status, contentType: type)
        var request = RequestReader()
        var place = 0
        var events: [String] = []
        while place < bytes.count {
            let end = min(bytes.count, place + max(1, size))
            let piece = UnsafeRawBufferPointer(rebasing: bytes[place..<end])
            reader.read(piece) { meaning, offset in events.append("\(meaning) \(place + offset)") }
            request.read(piece)
            place = end
        }
        ending = reader.finish(isClean: choice & 0x08 == 0) { meaning, _ in events.append("\(meaning)") }
        self.events = events
        usage = reader.usage
        error = reader.error
        words = [reader.model, reader.finishReason, request.model]
        sign =
            Finding(
                operation: .inference(api), status: status, place: .beforeContent, reader: reader, ending: ending,
                isFinished: true
            ).sign
        session = request.session
        self.request = [request.stream, request.includeUsage, reader.hasOutput, reader.isEmpty, reader.isMarkup]
    }
}

/// libFuzzer calls this with each input.
func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let input = UnsafeRawBufferPointer(start: start, count: count)
    guard count > 2 else { return 0 }
    let bytes = UnsafeRawBufferPointer(rebasing: input[2...])
    let whole = Reading(input[0], bytes, pieces: bytes.count)
    for size in [1, max(2, Int(input[1]))] where Reading(input[0], bytes, pieces: size) != whole {
        fatalError(
            "cut into pieces of \(size) it reads otherwise: \(whole) and \(Reading(input[0], bytes, pieces: size))")
    }
    let text = Array(bytes)
    var hints = ResetHints(unixTime: 1_795_900_000)
    hints.take(body: text)
    let words = String(decoding: text, as: UTF8.self)
    for name in ["retry-after", "ratelimit", "ratelimit-policy", "x-ratelimit-reset"] {
        hints.take(field: name, value: words)
    }
    if let wait = hints.wait, wait <= .zero || wait > ResetHints.limit { fatalError("a wait of \(wait)") }
    // The first line is a pattern, what follows a text.
    let source = words.prefix { $0 != "\n" }
    if let pattern = try? TextPattern(String(source)) {
        let rules = [FailoverRule(name: "fuzzed", match: pattern, then: .next)]
        _ = VerdictTable.verdict(
            on: Finding(operation: .inference(.messages), status: 400, text: text), rules: rules)
    }
    return 0
}

/// SwiftPM wants a main function of this module, though libFuzzer has one.
@main
enum ReaderFuzzer {
    static func main() {
        runFuzzer { testOneInput($0, $1) }
    }
}
