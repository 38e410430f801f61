import AllocationCounter
import LLMWire

// How fast requests and answers of LLM APIs are read, and that no event costs an allocation. Exits with an error where one does,
// or where a request of 3.5 MB is read at less than 1 GB/s.

/// The best of several rounds: the others were held up by something else.
func best(of rounds: Int, _ work: () -> Void) -> Double {
    let clock = ContinuousClock()
    let times = (0..<rounds).map { _ in clock.measure(work) / .seconds(1) }
    return times.min() ?? .infinity
}

func allocations(_ work: () -> Void) -> UInt64 {
    let before = allocation_count()
    work()
    return allocation_count() - before
}

/// As it comes from a socket.
func forPieces(_ bytes: [UInt8], of size: Int, _ body: (UnsafeRawBufferPointer) -> Void) {
    bytes.withUnsafeBytes { whole in
        var place = 0
        while place < whole.count {
            let end = min(whole.count, place + size)
            body(UnsafeRawBufferPointer(rebasing: whole[place..<end]))
            place = end
        }
    }
}

// MARK: Requests

/// A session in a coding tool: source text with its line ends and quotes escaped, tools with their schemas, and what the reader
/// wants at the very end.
func request(megabytes: Double) -> [UInt8] {
    let line = #"    guard let value = table[\"name\"] else { return nil } // a line of a file that was read\n"#
    let result =
        #"{"role":"user","content":[{"type":"tool_result","tool_use_id":"toolu_01","content":""#
        + String(repeating: line, count: 60) + #""}]},"#
    let schema =
        #"{"name":"edit","description":"Edits a file.","input_schema":{"type":"object","properties":{"path":"#
        + #"{"type":"string","description":"Which file."},"all":{"type":"boolean"}},"required":["path"]}},"#
    let count = Int(megabytes * 1e6) / result.utf8.count
    let messages = String(repeating: result, count: count).dropLast()
    let tools = String(repeating: schema, count: 100).dropLast()
    return Array(
        (#"{"messages":["# + messages + #"],"tools":["# + tools
            + #"],"metadata":{"user_id":"user_1_session_2"},"model":"claude-sonnet-4-5","stream":true}"#).utf8)
}

var isGood = true
func shown(_ value: Double) -> String { "\(Double(Int(value * 100)) / 100)" }
print("| what | per second | allocations |")
print("|---|---|---|")
do {
    let body = request(megabytes: 3.5)
    var session: SessionKey?
    func scan() {
        var reader = RequestReader()
        forPieces(body, of: 64 << 10) { reader.read($0) }
        session = reader.stream == true ? reader.session : nil
    }
    let rate = Double(body.count) / best(of: 30, scan) / 1e9
    let count = allocations(scan)
    if session == nil || rate < 1 || count != 0 { isGood = false }
    print("| request of \(shown(Double(body.count) / 1e6)) MB | \(shown(rate)) GB | \(count) |")
}

// MARK: Answers

let streams: [(name: String, api: LLMAPI, event: String)] = [
    (
        "Messages", .messages,
        "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":"
            + "\"text_delta\",\"text\":\" and so\"}}\n\n"
    ),
    (
        "Chat Completions", .chatCompletions,
        "data: {\"id\":\"chatcmpl-9\",\"object\":\"chat.completion.chunk\",\"created\":1795900000,\"model\":\"gpt-5.1\","
            + "\"choices\":[{\"index\":0,\"delta\":{\"content\":\" and so\"},\"finish_reason\":null}]}\n\n"
    ),
    (
        "Responses", .responses,
        "event: response.output_text.delta\ndata: {\"type\":\"response.output_text.delta\",\"sequence_number\":7,"
            + "\"item_id\":\"msg_1\",\"output_index\":0,\"content_index\":0,\"delta\":\" and so\"}\n\n"
    ),
]
for stream in streams {
    let count = 20_000
    let bytes = Array(String(repeating: stream.event, count: count).utf8)
    var contents = 0
    var reader = AnswerReader(api: stream.api, status: 200, contentType: "text/event-stream")
    func read() {
        contents = 0
        forPieces(bytes, of: 1_460) { piece in
            reader.read(piece) { meaning, _ in if meaning == .content { contents += 1 } }
        }
    }
    let seconds = best(of: 10, read)
    let ofEvents = allocations(read)
    if contents != count || ofEvents != 0 { isGood = false }
    print("| events of \(stream.name) | \(Int(Double(count) / seconds / 1_000)) thousand | \(ofEvents) |")
}
if !isGood { fatalError("a reader allocates, reads wrong, or is slower than 1 GB/s") }
