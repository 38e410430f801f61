import FoundationEssentials

/// Which API a request belongs to, from its path.
enum DemoAPI: Sendable, Equatable {
    case messages
    case countTokens
    case chatCompletions
    case responses
    case models

    init?(path: Substring) {
        switch path {
        case "/v1/messages": self = .messages
        case "/v1/messages/count_tokens": self = .countTokens
        case "/v1/chat/completions": self = .chatCompletions
        case "/v1/responses": self = .responses
        case "/v1/models": self = .models
        default: return nil
        }
    }

    var isAnthropic: Bool { self == .messages || self == .countTokens }
}

/// The fields of a request body that shape the answer.
struct DemoRequestBody: Decodable, Sendable {
    var model: String?
    var stream: Bool?

    init?(_ bytes: [UInt8]) {
        guard let body = try? JSONDecoder().decode(DemoRequestBody.self, from: Data(bytes)) else { return nil }
        self = body
    }
}

/// The answers of a simulated endpoint, in the shapes of the APIs it simulates.
struct DemoAnswer: Sendable {
    var api: DemoAPI
    var model: String
    /// Tells one answer from the next.
    var number: Int

    private static let words = """
        The best endpoint is on top and stays there until another one is clearly faster or this one fails to answer
        """.split(whereSeparator: \.isWhitespace).map(String.init)

    /// Between 6 and 20 words, so that streams differ in length.
    private var pieces: [String] {
        let count = 6 + number % 15
        return (0..<count).map { ($0 == 0 ? "" : " ") + Self.words[$0 % Self.words.count] }
    }

    private var text: String { pieces.joined() }

    private var quotedModel: String { Self.quoted(model) }

    // MARK: Plain

    var json: String {
        switch api {
        case .messages:
            """
            {"id":"msg_demo\(number)","type":"message","role":"assistant","model":\(quotedModel),\
            "content":[{"type":"text","text":"\(text)"}],"stop_reason":"end_turn","stop_sequence":null,\
            "usage":{"input_tokens":12,"output_tokens":\(pieces.count)}}
            """
        case .countTokens: #"{"input_tokens":12}"#
        case .chatCompletions:
            """
            {"id":"chatcmpl-demo\(number)","object":"chat.completion","created":1700000000,"model":\(quotedModel),\
            "choices":[{"index":0,"message":{"role":"assistant","content":"\(text)","refusal":null},"logprobs":null,\
            "finish_reason":"stop"}],"usage":{"prompt_tokens":12,"completion_tokens":\(pieces.count),\
            "total_tokens":\(12 + pieces.count)}}
            """
        case .responses: response(status: "completed", output: [message(status: "completed", text: text)])
        case .models:
            """
            {"object":"list","data":[{"id":"demo-large","object":"model","type":"model","display_name":"Demo Large",\
            "created":1700000000,"created_at":"2023-11-14T22:13:20Z","owned_by":"podium-demo"}],"has_more":false,\
            "first_id":"demo-large","last_id":"demo-large"}
            """
        }
    }

    // MARK: Streamed

    /// The events of the stream, each ready to be sent.
    var events: [String] {
        switch api {
        case .messages: messageEvents
        case .chatCompletions: chatEvents
        case .responses: responseEvents
        case .countTokens, .models: []
        }
    }

    private var messageEvents: [String] {
        func event(_ name: String, _ rest: String) -> String {
            "event: \(name)\ndata: {\"type\":\"\(name)\"\(rest)}\n\n"
        }
        let head = """
            ,"message":{"id":"msg_demo\(number)","type":"message","role":"assistant","model":\(quotedModel),\
            "content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":12,"output_tokens":1}}
            """
        let begin = [
            event("message_start", head),
            event("content_block_start", #","index":0,"content_block":{"type":"text","text":""}"#),
            event("ping", ""),
        ]
        let middle = pieces.map {
            event("content_block_delta", #","index":0,"delta":{"type":"text_delta","text":"\#($0)"}"#)
        }
        let end = [
            event("content_block_stop", #","index":0"#),
            event(
                "message_delta",
                #","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":\#(pieces.count)}"#),
            event("message_stop", ""),
        ]
        return begin + middle + end
    }

    private var chatEvents: [String] {
        func chunk(_ delta: String, finish: String = "null") -> String {
            """
            data: {"id":"chatcmpl-demo\(number)","object":"chat.completion.chunk","created":1700000000,\
            "model":\(quotedModel),"choices":[{"index":0,"delta":\(delta),"logprobs":null,"finish_reason":\(finish)}]}


            """
        }
        return [chunk(#"{"role":"assistant","content":""}"#)] + pieces.map { chunk(#"{"content":"\#($0)"}"#) }
            + [chunk("{}", finish: #""stop""#), "data: [DONE]\n\n"]
    }

    private var responseEvents: [String] {
        let inProgress = response(status: "in_progress", output: [])
        let at = #""item_id":"msg_demo\#(number)","output_index":0"#
        let part = #"{"type":"output_text","text":"\#(text)","annotations":[]}"#
        var bodies: [(name: String, rest: String)] = [
            ("response.created", #""response":\#(inProgress)"#),
            ("response.in_progress", #""response":\#(inProgress)"#),
            (
                "response.output_item.added",
                #""output_index":0,"item":\#(message(status: "in_progress", text: nil))"#
            ),
            (
                "response.content_part.added",
                at + #","content_index":0,"part":{"type":"output_text","text":"","annotations":[]}"#
            ),
        ]
        bodies += pieces.map { ("response.output_text.delta", at + #","content_index":0,"delta":"\#($0)""#) }
        bodies += [
            ("response.output_text.done", at + #","content_index":0,"text":"\#(text)""#),
            ("response.content_part.done", at + #","content_index":0,"part":\#(part)"#),
            (
                "response.output_item.done",
                #""output_index":0,"item":\#(message(status: "completed", text: text))"#
            ),
            ("response.completed", #""response":\#(json)"#),
        ]
        return bodies.enumerated().map { index, body in
            "event: \(body.name)\ndata: {\"type\":\"\(body.name)\",\"sequence_number\":\(index),\(body.rest)}\n\n"
        }
    }

    private func response(status: String, output: [String]) -> String {
        let usage =
            status == "completed"
            ? """
            {"input_tokens":12,"input_tokens_details":{"cached_tokens":0},"output_tokens":\(pieces.count),\
            "output_tokens_details":{"reasoning_tokens":0},"total_tokens":\(12 + pieces.count)}
            """ : "null"
        return """
            {"id":"resp_demo\(number)","object":"response","created_at":1700000000,"status":"\(status)","error":null,\
            "incomplete_details":null,"instructions":null,"metadata":{},"model":\(quotedModel),\
            "output":[\(output.joined(separator: ","))],"parallel_tool_calls":true,"temperature":1,\
            "tool_choice":"auto","tools":[],"top_p":1,"usage":\(usage)}
            """
    }

    private func message(status: String, text: String?) -> String {
        let content = text.map { #"{"type":"output_text","text":"\#($0)","annotations":[]}"# } ?? ""
        return """
            {"id":"msg_demo\(number)","type":"message","status":"\(status)","role":"assistant","content":[\(content)]}
            """
    }

    // MARK: Errors

    /// An error body in the shape of the API.
    static func error(status: Int, isAnthropic: Bool) -> String {
        let (kind, message) =
            switch status {
            case 400: ("invalid_request_error", "The body is not the JSON object that this API expects.")
            case 404: ("not_found_error", "There is nothing at this path.")
            case 405: ("invalid_request_error", "This path does not answer to this method.")
            case 413: ("request_too_large", "The body is larger than 1 MiB.")
            case 429: ("rate_limit_error", "Simulated: too many requests.")
            case 529: ("overloaded_error", "Simulated: overloaded.")
            default: ("api_error", "Simulated: the endpoint fails at the moment.")
            }
        return isAnthropic
            ? #"{"type":"error","error":{"type":"\#(kind)","message":"\#(message)"}}"#
            : #"{"error":{"message":"\#(message)","type":"\#(kind)","param":null,"code":null}}"#
    }

    private static func quoted(_ text: String) -> String {
        (try? JSONEncoder().encode(text)).map { String(decoding: $0, as: UTF8.self) } ?? #""demo-large""#
    }
}
