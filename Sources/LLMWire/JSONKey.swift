/// The names in requests and answers that mean something to the readers. All others are `.other`.
enum JSONKey: UInt8, CaseIterable {
    case other
    /// An element of a list, which has no name.
    case element
    case usage
    case message
    case response
    case model
    /// `Model`, `MODEL`: servers whose parsers do not tell capitals from small letters take it for the model.
    case modelWithCapitals
    case type
    case delta
    case contentBlock
    case choices
    case finishReason
    case stopReason
    case error
    case status
    case text
    case arguments
    case refusal
    case input
    case code
    case content
    case reasoningContent
    case reasoning
    case thinking
    case name
    case data
    case transcript
    case xGroq
    case inputTokens
    case outputTokens
    case cacheReadInputTokens
    case cacheCreationInputTokens
    case cacheCreation
    case ephemeral5mInputTokens
    case ephemeral1hInputTokens
    case iterations
    case outputTokensDetails
    case thinkingTokens
    case promptTokens
    case completionTokens
    case totalTokens
    case promptTokensDetails
    case inputTokensDetails
    case completionTokensDetails
    case cachedTokens
    case promptCacheHitTokens
    case cacheWriteTokens
    case cacheCreationTokens
    case reasoningTokens
    case stream
    case streamOptions
    case includeUsage
    case promptCacheKey
    case metadata
    case userID
    case role
    case detail
    case incompleteDetails
    case reason
    case id
    case store
    case previousResponseID
    case inputFileID

    /// The key of this name.
    init<let capacity: Int>(_ name: ShortText<capacity>) {
        self = name.length <= capacity ? name.withKeptBytes { Self($0) } : .other
    }

    /// The same for a name without escapes.
    init(_ name: UnsafeRawBufferPointer) {
        self = .other
        guard name.count < Self.byLength.count else { return }
        for (text, key) in Self.byLength[name.count] where name.elementsEqual(text) {
            self = key
            return
        }
        if name.count == 5, name.elementsEqual("model", ignoring: 0x20) { self = .modelWithCapitals }
    }

    private static let names: [(StaticString, JSONKey)] = [
        ("usage", .usage),
        ("message", .message),
        ("response", .response),
        ("model", .model),
        ("type", .type),
        ("delta", .delta),
        ("content_block", .contentBlock),
        ("choices", .choices),
        ("finish_reason", .finishReason),
        ("stop_reason", .stopReason),
        ("error", .error),
        ("status", .status),
        ("text", .text),
        ("arguments", .arguments),
        ("refusal", .refusal),
        ("input", .input),
        ("code", .code),
        ("content", .content),
        ("reasoning_content", .reasoningContent),
        ("reasoning", .reasoning),
        ("thinking", .thinking),
        ("name", .name),
        ("data", .data),
        ("transcript", .transcript),
        ("x_groq", .xGroq),
        ("input_tokens", .inputTokens),
        ("output_tokens", .outputTokens),
        ("cache_read_input_tokens", .cacheReadInputTokens),
        ("cache_creation_input_tokens", .cacheCreationInputTokens),
        ("cache_creation", .cacheCreation),
        ("ephemeral_5m_input_tokens", .ephemeral5mInputTokens),
        ("ephemeral_1h_input_tokens", .ephemeral1hInputTokens),
        ("iterations", .iterations),
        ("output_tokens_details", .outputTokensDetails),
        ("thinking_tokens", .thinkingTokens),
        ("prompt_tokens", .promptTokens),
        ("completion_tokens", .completionTokens),
        ("total_tokens", .totalTokens),
        ("prompt_tokens_details", .promptTokensDetails),
        ("input_tokens_details", .inputTokensDetails),
        ("completion_tokens_details", .completionTokensDetails),
        ("cached_tokens", .cachedTokens),
        ("prompt_cache_hit_tokens", .promptCacheHitTokens),
        ("cache_write_tokens", .cacheWriteTokens),
        ("cache_creation_tokens", .cacheCreationTokens),
        ("reasoning_tokens", .reasoningTokens),
        ("stream", .stream),
        ("stream_options", .streamOptions),
        ("include_usage", .includeUsage),
        ("prompt_cache_key", .promptCacheKey),
        ("metadata", .metadata),
        ("user_id", .userID),
        ("role", .role),
        ("detail", .detail),
        ("incomplete_details", .incompleteDetails),
        ("reason", .reason),
        ("id", .id),
        ("store", .store),
        ("previous_response_id", .previousResponseID),
        ("input_file_id", .inputFileID),
    ]

    /// The names by their length: few have the same, so that nearly every comparison is the right one.
    private static let byLength: [[(StaticString, JSONKey)]] = {
        let longest = names.map(\.0.utf8CodeUnitCount).max() ?? 0
        var lists = [[(StaticString, JSONKey)]](repeating: [], count: longest + 1)
        for name in names { lists[name.0.utf8CodeUnitCount].append(name) }
        return lists
    }()
}

extension UnsafeRawBufferPointer {
    /// - Parameter text: as long as these bytes
    @inline(__always)
    fileprivate func elementsEqual(_ text: StaticString, ignoring bit: UInt8 = 0) -> Bool {
        for index in 0..<count where self[index] | bit != text.utf8Start[index] { return false }
        return true
    }
}
