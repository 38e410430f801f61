public import LLMWire
internal import PureSupport

/// Why a request cannot go to an endpoint of another API: the client's to know.
public struct ConversionRefusal: Error, Equatable, Sendable {
    /// Of the field, `messages[2].content[0].source` say; empty for the request as a whole.
    public let path: String
    /// What is the matter with it.
    public let reason: String

    /// One sentence that names the field.
    public var message: String { path.isEmpty ? reason : "\(path): \(reason)" }
}

/// What an operator has set about the requests that an endpoint gets in place of a client's.
public struct ConversionOptions: Sendable, Equatable {
    /// What becomes of fields that are in no table.
    public enum UnknownFields: String, Sendable, CaseIterable {
        case drop, refuse
    }

    /// The field for the limit of tokens; nil: by the model's name.
    public var maxTokensField: String?
    /// What becomes of fields that are in no table.
    public var unknownFields = UnknownFields.drop
    /// Parameters that take the place of the client's.
    public var overrides: [ParameterOverride] = []

    /// The defaults.
    public init() {}
}

/// A parameter of an endpoint's requests that an operator has set.
public struct ParameterOverride: Sendable, Equatable {
    /// Its name.
    public let name: String
    /// JSON; nil: the parameter is taken away.
    let json: [UInt8]?

    /// - Parameter value: JSON, or a plain text; empty where the parameter is taken away
    public init(name: String, value: String) {
        self.name = name
        let bytes = Array(value.utf8)
        guard !bytes.isEmpty else {
            json = nil
            return
        }
        if bytes.withUnsafeBytes({ JSONSlice($0) != nil }) {
            json = bytes
        } else {
            var writer = JSONWriter()
            writer.string(value)
            json = writer.bytes
        }
    }
}

/// A request in another API.
public struct ConvertedRequest: Sendable {
    /// The body, JSON.
    public let body: [UInt8]
    /// What the answer has to be converted by.
    public var answer: AnswerPlan
    /// The fields that were dropped since they are in no table, by their paths without the places in lists: no two alike, and no more than
    /// a few.
    public let unknownFields: [String]
}

/// Makes requests of Chat Completions out of those of Messages and of Responses.
///
/// Pure. The whole request has to be here; what of it stays as it is, texts and schemas above all, is copied and never decoded.
public enum RequestConversion {
    /// Whether requests of this API are converted.
    public static func converts(_ api: LLMAPI) -> Bool { api != .chatCompletions }

    /// The path of Chat Completions.
    public static let path = "/v1/chat/completions"

    /// - Parameters:
    ///   - body: the whole of it, without a content coding
    ///   - api: in which it is
    ///   - model: the name that the endpoint is sent; nil: the client's
    ///   - seed: names that the answer needs and the endpoint does not give are drawn from it
    ///   - time: in seconds since 1970
    public static func convert(
        _ body: UnsafeRawBufferPointer, of api: LLMAPI, model: String? = nil, options: ConversionOptions = .init(),
        seed: UInt64 = 0, time: Int64 = 0
    ) throws(ConversionRefusal) -> ConvertedRequest {
        guard let request = JSONSlice(body) else {
            throw ConversionRefusal(path: "", reason: "the body is not JSON")
        }
        guard request.kind == .object else {
            throw ConversionRefusal(path: "", reason: "the body is not a JSON object")
        }
        var chat = ChatRequest(api, options, model: model)
        switch api {
        case .messages: try MessagesRequest.read(request, into: &chat)
        case .responses: try ResponsesRequest.read(request, into: &chat)
        case .chatCompletions: throw ConversionRefusal(path: "", reason: "the request needs no conversion")
        }
        let plan = AnswerPlan(
            api: api, isStream: chat.isStream, model: chat.modelAsked, tools: chat.names.originals, seed: seed,
            time: time)
        return ConvertedRequest(
            body: apply(options.overrides, to: chat.writer.bytes), answer: plan, unknownFields: chat.unknownFields)
    }
}

extension RequestConversion {
    private static func apply(_ overrides: [ParameterOverride], to body: [UInt8]) -> [UInt8] {
        guard !overrides.isEmpty else { return body }
        return body.withUnsafeBytes { bytes in
            guard let members = JSONSlice(bytes)?.members else { return body }
            var writer = JSONWriter()
            writer.beginObject()
            for (name, value) in members where !overrides.contains(where: { $0.name == name }) {
                writer.key(name)
                writer.value(value)
            }
            for parameter in overrides {
                guard let json = parameter.json else { continue }
                writer.key(parameter.name)
                writer.literal(json)
            }
            writer.endObject()
            return writer.bytes
        }
    }

    /// The same for callers that cannot throw.
    public static func result(
        _ body: UnsafeRawBufferPointer, of api: LLMAPI, model: String?, options: ConversionOptions, seed: UInt64,
        time: Int64
    ) -> Result<ConvertedRequest, ConversionRefusal> {
        do throws(ConversionRefusal) {
            return .success(try convert(body, of: api, model: model, options: options, seed: seed, time: time))
        } catch {
            return .failure(error)
        }
    }
}

/// What of a request its answer has to be converted by.
public struct AnswerPlan: Sendable {
    /// A tool as the client knows it. Texts are as they stand between quotation marks.
    struct Tool: Sendable, Equatable {
        var name: [UInt8]
        /// The namespace that it is in; nil: in none.
        var namespace: [UInt8]?
        /// Its input is a text and no JSON.
        var isCustom = false
    }

    /// The client's API.
    public let api: LLMAPI
    /// Whether the client has asked for a stream.
    public let isStream: Bool
    /// The model that it has asked for, as it stands between quotation marks.
    let model: [UInt8]
    /// Whether the answer names it, and not the endpoint's.
    public var restoresModel = true
    /// Those that the endpoint knows by another name, or that are no functions for the client, by their names there.
    let tools: [[UInt8]: Tool]
    let seed: UInt64
    let time: Int64

    init(
        api: LLMAPI, isStream: Bool, model: [UInt8], tools: [[UInt8]: Tool], seed: UInt64, time: Int64
    ) {
        self.api = api
        self.isStream = isStream
        self.model = model
        self.tools = tools
        self.seed = seed
        self.time = time
    }

    /// An id for the answer: the endpoint's, or one of its own.
    func id(_ given: UnsafeRawBufferPointer?) -> [UInt8] {
        if let given {
            let plain = Self.plain(given.begins(with: "chatcmpl-") ? given.dropFirst(9) : given[...])
            if (1...64).contains(plain.count) { return plain }
        }
        var random = SplitMix64(seed: seed)
        return Array((String(random.next(), radix: 16) + String(random.next(), radix: 16)).utf8)
    }

    /// What no client refuses as a part of an id.
    static func plain(_ text: some Sequence<UInt8>) -> [UInt8] {
        text.map { ToolNames.isPlain($0) ? $0 : UInt8(ascii: "_") }
    }
}

/// A request of Chat Completions that is being made.
struct ChatRequest {
    /// So many names of unknown fields are kept.
    private static let unknownLimit = 16
    /// Longer ids of calls are refused by some endpoints.
    private static let longestID = 40

    let api: LLMAPI
    let options: ConversionOptions
    let model: String?
    var writer = JSONWriter()
    var names = ToolNames()
    var isStream = false
    var modelAsked: [UInt8] = []
    private(set) var unknownFields: [String] = []

    init(_ api: LLMAPI, _ options: ConversionOptions, model: String?) {
        self.api = api
        self.options = options
        self.model = model
    }

    // MARK: Fields

    /// The members of an object that are carried, judged by the table.
    ///
    /// - Parameters:
    ///   - place: in the table
    ///   - path: in the request
    mutating func fields(
        of value: JSONSlice, _ place: String, _ path: String
    ) throws(ConversionRefusal) -> [String: JSONSlice] {
        guard let members = value.members else { throw ConversionRefusal(path: path, reason: "an object is expected") }
        var carried: [String: JSONSlice] = [:]
        for (name, value) in members {
            let row = ConversionTable.row(api, place, name)
            switch row?.fate {
            case .carried?: if value.kind != .null { carried[name] = value }
            case .dropped?: break
            case .refused?:
                guard !value.isNothing else { continue }
                throw ConversionRefusal(path: path.isEmpty ? name : "\(path).\(name)", reason: row?.note ?? "")
            case nil: try noteUnknown(name, place, path)
            }
        }
        return carried
    }

    /// Members beside those that are named are unknown.
    mutating func noteOthers(
        _ value: JSONSlice, _ place: String, _ path: String, known: Set<String>
    ) throws(ConversionRefusal) {
        for (name, _) in value.members ?? [] where !known.contains(name) { try noteUnknown(name, place, path) }
    }

    private mutating func noteUnknown(_ name: String, _ place: String, _ path: String) throws(ConversionRefusal) {
        let name = String(String.UnicodeScalarView(name.unicodeScalars.prefix(64).map { $0.value < 0x20 ? "?" : $0 }))
        guard options.unknownFields == .drop else {
            throw ConversionRefusal(
                path: path.isEmpty ? name : "\(path).\(name)",
                reason: "the field is not known, and the endpoint is of another API")
        }
        let field = place.isEmpty ? name : "\(place).\(name)"
        if unknownFields.count < Self.unknownLimit, !unknownFields.contains(field) { unknownFields.append(field) }
    }

    /// The fate of a block, an item or a tool by its type.
    ///
    /// - Returns: whether it is carried
    func carries(_ type: String, _ place: String, _ path: String) throws(ConversionRefusal) -> Bool {
        let row = ConversionTable.row(api, place, "type=" + type)
        switch row?.fate {
        case .carried?: return true
        case .dropped?: return false
        case .refused?: throw ConversionRefusal(path: path, reason: "'\(type)': \(row?.note ?? "")")
        case nil:
            throw ConversionRefusal(
                path: path + ".type", reason: "'\(type)' has no counterpart in the endpoint's API")
        }
    }

    // MARK: Values

    func elements(_ value: JSONSlice, _ path: String) throws(ConversionRefusal) -> [JSONSlice] {
        guard let elements = value.elements else {
            throw ConversionRefusal(path: path, reason: "a list is expected")
        }
        return elements
    }

    /// A string as it stands between quotation marks.
    func text(_ value: JSONSlice?, _ path: String) throws(ConversionRefusal) -> UnsafeRawBufferPointer {
        guard let raw = value?.rawText else { throw ConversionRefusal(path: path, reason: "a string is expected") }
        return raw
    }

    func word(_ value: JSONSlice?, _ path: String) throws(ConversionRefusal) -> String {
        guard let text = value?.text else {
            throw ConversionRefusal(path: path, reason: "a string is expected")
        }
        return text
    }

    // MARK: What both APIs have

    /// `model` and `stream`, which come first.
    mutating func begin(_ fields: [String: JSONSlice]) throws(ConversionRefusal) {
        modelAsked = Array(try text(fields["model"], "model"))
        writer.beginObject()
        writer.key("model")
        if let model { writer.string(model) } else { writer.string(raw: modelAsked) }
        if let stream = fields["stream"] {
            guard let flag = stream.flag else {
                throw ConversionRefusal(path: "stream", reason: "true or false is expected")
            }
            isStream = flag
        }
        if isStream {
            writer.key("stream")
            writer.flag(true)
            writer.key("stream_options")
            writer.literal(#"{"include_usage":true}"#)
        }
    }

    mutating func writeMaxTokens(_ value: JSONSlice?, _ path: String) throws(ConversionRefusal) {
        guard let value else { return }
        guard value.kind == .number else { throw ConversionRefusal(path: path, reason: "a number is expected") }
        var name = options.maxTokensField ?? ""
        if name.isEmpty {
            let sent = model ?? String(decoding: modelAsked, as: UTF8.self)
            // A name with the vendor before it, as aggregators have them.
            let short = sent.split(separator: "/").last ?? ""
            let isNew = ["gpt-5", "gpt-6", "o1", "o3", "o4"].contains { short.hasPrefix($0) }
            name = isNew ? "max_completion_tokens" : "max_tokens"
        }
        writer.key(raw: name.utf8)
        writer.value(value)
    }

    mutating func writeNumbers(
        _ fields: [String: JSONSlice], _ names: [(StaticString, String)]
    ) throws(ConversionRefusal) {
        for (key, name) in names {
            guard let value = fields[name] else { continue }
            guard value.kind == .number else { throw ConversionRefusal(path: name, reason: "a number is expected") }
            writer.key(key)
            writer.value(value)
        }
    }

    /// `low`, `medium`, `high`: what all endpoints know that know any.
    mutating func writeEffort(_ effort: String, _ path: String) throws(ConversionRefusal) {
        let sent: StaticString
        switch effort {
        case "none": return
        case "minimal", "low": sent = "low"
        case "medium": sent = "medium"
        case "high", "xhigh", "max": sent = "high"
        default: throw ConversionRefusal(path: path, reason: "'\(effort)' is no effort that is known")
        }
        writer.key("reasoning_effort")
        writer.string(sent)
    }

    /// `response_format` of a JSON schema.
    ///
    /// - Parameter format: with `type`, `schema`, and perhaps `name`, `description`, `strict`
    mutating func writeFormat(_ format: JSONSlice, _ path: String) throws(ConversionRefusal) {
        switch try word(format["type"], path + ".type") {
        case "text": return
        case "json_object":
            writer.key("response_format")
            writer.literal(#"{"type":"json_object"}"#)
        case "json_schema":
            guard let schema = format["schema"], schema.kind == .object else {
                throw ConversionRefusal(path: path + ".schema", reason: "an object is expected")
            }
            writer.key("response_format")
            writer.beginObject()
            writer.key("type")
            writer.string("json_schema")
            writer.key("json_schema")
            writer.beginObject()
            writer.key("name")
            if let name = format["name"]?.rawText { writer.string(raw: name) } else { writer.string("answer") }
            if let description = format["description"], description.kind == .string {
                writer.key("description")
                writer.value(description)
            }
            writer.key("schema")
            writer.value(schema)
            writer.key("strict")
            writer.flag(format["strict"]?.flag ?? (api == .messages))
            writer.endObject()
            writer.endObject()
        case let other:
            throw ConversionRefusal(path: path + ".type", reason: "'\(other)' is no format that is known")
        }
    }

    // MARK: Messages of the endpoint's

    /// A message with a text or with parts.
    mutating func writeMessage(role: StaticString, _ parts: [ChatPart]) {
        writer.beginObject()
        writer.key("role")
        writer.string(role)
        writer.key("content")
        ChatPart.write(parts, to: &writer)
        writer.endObject()
    }

    /// - Parameters:
    ///   - separator: between texts
    ///   - isError: the tool has failed
    mutating func writeResult(of id: UnsafeRawBufferPointer, _ parts: [ChatPart], isError: Bool = false) {
        writer.beginObject()
        writer.key("role")
        writer.string("tool")
        writer.key("tool_call_id")
        writeID(id)
        writer.key("content")
        writer.openString()
        if isError, !Self.saysError(parts.first) { writer.part("Error: ") }
        ChatPart.writeTexts(parts.filter(\.isText), to: &writer)
        writer.closeString()
        writer.endObject()
    }

    private static func saysError(_ part: ChatPart?) -> Bool {
        guard case .text(let raw)? = part else { return false }
        return raw.begins(with: "Error") || raw.begins(with: "error") || raw.begins(with: "<tool_use_error>")
    }

    /// An id of a call, in a form that every endpoint takes: the same one always becomes the same.
    mutating func writeID(_ id: UnsafeRawBufferPointer) {
        writer.openString()
        if id.count <= Self.longestID {
            writer.part(raw: id)
        } else {
            writer.part("call_" + ToolNames.hash(id))
        }
        writer.closeString()
    }

    /// A member of `tool_calls`.
    ///
    /// - Parameters:
    ///   - name: as the client knows it
    ///   - arguments: writes what stands between the quotation marks
    mutating func writeCall(
        id: UnsafeRawBufferPointer, name: [UInt8], _ arguments: (inout JSONWriter) -> Void
    ) {
        writer.beginObject()
        writer.key("id")
        writeID(id)
        writer.key("type")
        writer.string("function")
        writer.key("function")
        writer.beginObject()
        writer.key("name")
        writer.string(raw: name)
        writer.key("arguments")
        writer.openString()
        arguments(&writer)
        writer.closeString()
        writer.endObject()
        writer.endObject()
    }

    // MARK: Tools

    /// What a tool takes whose input is a text.
    private static let schemaOfText: StaticString =
        #"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#

    /// A member of `tools`.
    mutating func writeTool(
        name: [UInt8], description: [ChatPart], parameters: JSONSlice?, strict: JSONSlice?, isCustom: Bool = false,
        _ path: String
    ) throws(ConversionRefusal) {
        beginFunction(name)
        if !description.isEmpty {
            writer.key("description")
            writer.openString()
            ChatPart.writeTexts(description, to: &writer)
            writer.closeString()
        }
        writer.key("parameters")
        if let parameters, parameters.kind != .null {
            guard let members = parameters.members else {
                throw ConversionRefusal(path: path, reason: "an object is expected")
            }
            if parameters["type"] != nil {
                writer.value(parameters)
            } else {
                // Some endpoints refuse a schema without a type.
                writer.beginObject()
                writer.key("type")
                writer.string("object")
                if members.isEmpty {
                    writer.key("properties")
                    writer.literal("{}")
                }
                for (name, value) in members {
                    writer.key(raw: Self.escaped(name))
                    writer.value(value)
                }
                writer.endObject()
            }
        } else {
            writer.literal(isCustom ? Self.schemaOfText : #"{"type":"object","properties":{}}"#)
        }
        if let strict, strict.kind == .boolean {
            writer.key("strict")
            writer.value(strict)
        }
        writer.endObject()
        writer.endObject()
    }

    private static func escaped(_ text: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.part(text)
        return writer.bytes
    }

    mutating func writeChoice(ofFunction name: [UInt8]) {
        writer.key("tool_choice")
        beginFunction(name)
        writer.endObject()
        writer.endObject()
    }

    /// Both objects stay open.
    private mutating func beginFunction(_ name: [UInt8]) {
        writer.beginObject()
        writer.key("type")
        writer.string("function")
        writer.key("function")
        writer.beginObject()
        writer.key("name")
        writer.string(raw: name)
    }
}

/// The names by which an endpoint knows the client's tools.
struct ToolNames {
    private static let longest = 64

    private(set) var originals: [[UInt8]: AnswerPlan.Tool] = [:]
    /// Those of the tools that the request offers. What a call of the past says of the same name does not count: the tool may have been
    /// another one then.
    private var declared: Set<[UInt8]> = []

    /// The name that the endpoint is sent: letters, digits, `_` and `-`, at most 64 of them. What is none of these keeps a hash of itself, so
    /// that the same tool is always called the same.
    mutating func sent(
        _ name: UnsafeRawBufferPointer, in namespace: UnsafeRawBufferPointer? = nil, isCustom: Bool = false,
        isDeclared: Bool = false
    ) -> [UInt8] {
        var full: [UInt8] = []
        if let namespace {
            full += namespace
            // Those of MCP servers end so already.
            if namespace.last != UInt8(ascii: "_") { full += "__".utf8 }
        }
        full += name
        var result = full
        if full.isEmpty || full.count > Self.longest || !full.allSatisfy(Self.isPlain) {
            let hash = full.withUnsafeBytes { Self.hash($0) }
            result = full.prefix(Self.longest - 1 - hash.utf8.count).map { Self.isPlain($0) ? $0 : UInt8(ascii: "_") }
            result += "_\(hash)".utf8
        }
        if isDeclared { declared.insert(result) } else if declared.contains(result) { return result }
        if result != Array(name) || isCustom || namespace != nil {
            originals[result] = .init(name: Array(name), namespace: namespace.map(Array.init), isCustom: isCustom)
        }
        return result
    }

    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }

    /// Eight digits.
    static func hash(_ text: some Sequence<UInt8>) -> String {
        var hash = FNV1a()
        hash.add(text)
        let folded = UInt32(truncatingIfNeeded: hash.value ^ hash.value >> 32)
        let digits = String(folded, radix: 16)
        return String(repeating: "0", count: 8 - digits.count) + digits
    }
}

/// A part of a message's content. Texts are as they stand between quotation marks.
enum ChatPart {
    case text(UnsafeRawBufferPointer)
    /// A text of ours.
    case note(String)
    case imageURL(UnsafeRawBufferPointer, detail: UnsafeRawBufferPointer?)
    case imageData(media: UnsafeRawBufferPointer, UnsafeRawBufferPointer)
    /// - Parameter media: nil: the data are a `data:` URL
    case file(name: UnsafeRawBufferPointer?, media: UnsafeRawBufferPointer?, UnsafeRawBufferPointer)

    var isText: Bool {
        switch self {
        case .text, .note: true
        case .imageURL, .imageData, .file: false
        }
    }

    /// One text where there are no others: every endpoint takes that.
    static func write(_ parts: [ChatPart], to writer: inout JSONWriter) {
        guard !parts.allSatisfy(\.isText) else {
            writer.openString()
            writeTexts(parts, to: &writer)
            return writer.closeString()
        }
        writer.beginArray()
        for part in parts { part.write(to: &writer) }
        writer.endArray()
    }

    /// Between quotation marks that are there.
    static func writeTexts(_ parts: [ChatPart], to writer: inout JSONWriter) {
        for (index, part) in parts.enumerated() {
            if index > 0 { writer.part(raw: #"\n\n"#.utf8) }
            part.writeText(to: &writer)
        }
    }

    private func writeText(to writer: inout JSONWriter) {
        switch self {
        case .text(let raw): writer.part(raw: raw)
        case .note(let text): writer.part(text)
        case .imageURL, .imageData, .file: break
        }
    }

    private func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.key("type")
        switch self {
        case .text, .note:
            writer.string("text")
            writer.key("text")
            writer.openString()
            writeText(to: &writer)
            writer.closeString()
        case .imageURL(let url, let detail):
            writer.string("image_url")
            writer.key("image_url")
            writer.beginObject()
            writer.key("url")
            writer.string(raw: url)
            if let detail {
                writer.key("detail")
                writer.string(raw: detail)
            }
            writer.endObject()
        case .imageData(let media, let data):
            writer.string("image_url")
            writer.key("image_url")
            writer.beginObject()
            writer.key("url")
            Self.writeURL(media, data, to: &writer)
            writer.endObject()
        case .file(let name, let media, let data):
            writer.string("file")
            writer.key("file")
            writer.beginObject()
            writer.key("filename")
            if let name, !name.isEmpty { writer.string(raw: name) } else { writer.string("document.pdf") }
            writer.key("file_data")
            if let media { Self.writeURL(media, data, to: &writer) } else { writer.string(raw: data) }
            writer.endObject()
        }
        writer.endObject()
    }

    private static func writeURL(
        _ media: UnsafeRawBufferPointer, _ data: UnsafeRawBufferPointer, to writer: inout JSONWriter
    ) {
        writer.openString()
        writer.part("data:")
        writer.part(raw: media)
        writer.part(";base64,")
        writer.part(raw: data)
        writer.closeString()
    }
}
