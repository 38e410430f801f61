/// What an answer says it consumed, in tokens, in the same sense for all APIs. nil: not said.
///
/// `input` never contains cache reads or writes; `output` contains `reasoning`. So `input` and the three cache figures together
/// are all that went in.
public struct Usage: Equatable, Sendable {
    /// Read anew, neither from nor into a cache.
    public var input: Int64?
    /// Written by the model, with its reasoning.
    public var output: Int64?
    /// Read from a cache.
    public var cacheRead: Int64?
    /// Written into a cache that lives for five minutes, or for a time that is not named.
    public var cacheWrite5m: Int64?
    /// Written into a cache that lives for an hour.
    public var cacheWrite1h: Int64?
    /// The part of `output` that is reasoning.
    public var reasoning: Int64?

    /// Nothing is known.
    public init() {}
}

/// The figures of one usage object as it is read; taken over into a `Usage` when the object is closed, since half of one may
/// lack a digit. The names are those of the APIs; -1: not said.
struct UsageObject {
    /// Figures of an object, or of one of its iterations.
    struct Figures {
        var input: Int64 = -1
        var output: Int64 = -1
        var cacheRead: Int64 = -1
        var cacheWrite: Int64 = -1
        var cacheWrite5m: Int64 = -1
        var cacheWrite1h: Int64 = -1
    }

    var figures = Figures()
    /// Names that OpenAI's APIs alone have. Each has its own place, since servers write several of them, some as zeros.
    private var prompt: Int64 = -1
    private var completion: Int64 = -1
    var total: Int64 = -1
    private var cached: Int64 = -1
    private var cacheHit: Int64 = -1
    private var detailedCached: Int64 = -1
    private var detailedWrite: Int64 = -1
    var reasoning: Int64 = -1
    /// Messages: `output_tokens_details.thinking_tokens`
    private var thinking: Int64 = -1
    /// Sums over iterations that are closed; an iteration of an adviser is another model's.
    private var iterations = Figures()
    private var iteration = Figures()
    private var isForeignIteration = false

    // MARK: Reading

    /// Takes a number in.
    ///
    /// - Parameters:
    ///   - path: of the whole document.
    ///   - level: how many names of it lead to the usage object.
    mutating func take(_ number: Int64, at path: JSONPath, below level: Int) {
        let name = path[level]
        switch path.count - level {
        case 1: takeOwn(number, name)
        case 2: takeDetail(number, of: name, path[level + 1])
        case 3 where name == .iterations:
            Self.take(number, path[level + 2], into: &iteration)
        case 4 where name == .iterations && path[level + 2] == .cacheCreation:
            Self.takeLifetime(number, path[level + 3], into: &iteration)
        default: break
        }
    }

    private mutating func takeDetail(_ number: Int64, of name: JSONKey, _ detail: JSONKey) {
        switch (name, detail) {
        case (.cacheCreation, _): Self.takeLifetime(number, detail, into: &figures)
        case (.promptTokensDetails, .cachedTokens), (.inputTokensDetails, .cachedTokens): detailedCached = number
        case (.promptTokensDetails, .cacheWriteTokens), (.inputTokensDetails, .cacheWriteTokens),
            (.promptTokensDetails, .cacheCreationTokens), (.inputTokensDetails, .cacheCreationTokens):
            detailedWrite = number
        case (.completionTokensDetails, .reasoningTokens), (.outputTokensDetails, .reasoningTokens):
            reasoning = max(reasoning, number)
        case (.outputTokensDetails, .thinkingTokens): thinking = number
        default: break
        }
    }

    private static func takeLifetime(_ number: Int64, _ name: JSONKey, into figures: inout Figures) {
        switch name {
        case .ephemeral5mInputTokens: figures.cacheWrite5m = number
        case .ephemeral1hInputTokens: figures.cacheWrite1h = number
        default: break
        }
    }

    private mutating func takeOwn(_ number: Int64, _ name: JSONKey) {
        switch name {
        case .promptTokens: prompt = number
        case .completionTokens: completion = number
        case .totalTokens: total = number
        case .cachedTokens: cached = number
        case .promptCacheHitTokens: cacheHit = number
        case .reasoningTokens: reasoning = max(reasoning, number)
        default: Self.take(number, name, into: &figures)
        }
    }

    private static func take(_ number: Int64, _ name: JSONKey, into figures: inout Figures) {
        switch name {
        case .inputTokens: figures.input = number
        case .outputTokens: figures.output = number
        case .cacheReadInputTokens: figures.cacheRead = number
        case .cacheCreationInputTokens: figures.cacheWrite = number
        default: break
        }
    }

    /// A string within the object: an iteration says whose it is.
    mutating func take(_ text: JSONText, at path: JSONPath, below level: Int) {
        if path.count - level == 3, path[level] == .iterations, path[level + 2] == .type {
            isForeignIteration = text.equals("advisor_message")
        }
    }

    /// An object within the object was closed.
    mutating func close(at path: JSONPath, below level: Int) {
        guard path.count - level == 2, path[level] == .iterations else { return }
        if !isForeignIteration {
            iteration.spreadCacheWrite()
            iterations.add(iteration)
        }
        iteration = Figures()
        isForeignIteration = false
    }

    // MARK: Taking over

    /// Messages: counts are cumulative, so that later ones replace earlier ones, and are never added.
    func takeOverMessages(into usage: inout Usage) {
        var figures = figures
        let hasSplit = figures.cacheWrite5m >= 0 || figures.cacheWrite1h >= 0
        if !hasSplit, figures.cacheWrite >= 0, let oneHour = usage.cacheWrite1h {
            // The total alone, after a split: the hour's part stays.
            figures.cacheWrite5m = max(0, figures.cacheWrite - oneHour)
        } else {
            figures.spreadCacheWrite()
        }
        figures.raise(to: iterations)
        let said = [figures.input, figures.cacheRead, figures.cacheWrite5m, figures.cacheWrite1h].filter { $0 >= 0 }
        let isKnown =
            usage.input != nil || usage.cacheRead != nil || usage.cacheWrite5m != nil || usage.cacheWrite1h != nil
        if !(isKnown && said.allSatisfy { $0 == 0 }) {
            if figures.input >= 0 { usage.input = figures.input }
            if figures.cacheRead >= 0 { usage.cacheRead = figures.cacheRead }
            if figures.cacheWrite5m >= 0 { usage.cacheWrite5m = figures.cacheWrite5m }
            if figures.cacheWrite1h >= 0 { usage.cacheWrite1h = figures.cacheWrite1h }
        }
        if figures.output > 0 || (figures.output == 0 && usage.output == nil) { usage.output = figures.output }
        if thinking > 0 || (thinking == 0 && usage.reasoning == nil) { usage.reasoning = thinking }
    }

    /// Of two names for one figure the one that says something: some servers write both APIs' names, those of the other one as zeros.
    private static func said(_ number: Int64, else other: Int64) -> Int64 { number > 0 ? number : max(number, other) }

    /// Chat Completions and Responses: the last object that says anything above zero counts, whole. Relays differ in what they
    /// count into what; the sums show which of the dialects it is.
    func takeOverOpenAI(into usage: inout Usage) {
        let prompt = Self.said(prompt, else: figures.input)
        let completion = Self.said(completion, else: figures.output)
        guard max(prompt, completion, total) > 0 else { return }
        let read = max(detailedCached, cacheHit, max(cached, figures.cacheRead))
        let written = max(detailedWrite, figures.cacheWrite)
        var result = Usage()
        let cache = max(0, read) + max(0, written)
        let isCacheApart =
            cache > max(0, prompt) || (cache > 0 && total == max(0, prompt) + max(0, completion) + cache)
        if prompt >= 0 { result.input = isCacheApart ? prompt : prompt - cache }
        if read >= 0 { result.cacheRead = read }
        if written >= 0 { result.cacheWrite5m = written }
        if reasoning >= 0 { result.reasoning = reasoning }
        if completion >= 0 {
            result.output = completion
            let rest = total - max(0, prompt) - completion - (isCacheApart ? cache : 0)
            if reasoning > completion || (reasoning > 0 && total >= 0 && rest == reasoning) {
                // The reasoning is not part of the completion.
                result.output = completion + reasoning
            } else if reasoning <= 0, prompt >= 0, total >= 0, rest > 0 {
                // The reasoning is in the total alone.
                result.output = completion + rest
                result.reasoning = rest
            }
        }
        usage = result
    }
}

extension UsageObject.Figures {
    /// What of the cache's total no lifetime is said of counts as the short one.
    fileprivate mutating func spreadCacheWrite() {
        guard cacheWrite >= 0 else { return }
        let said = max(0, cacheWrite5m) + max(0, cacheWrite1h)
        if said < cacheWrite || (cacheWrite5m < 0 && cacheWrite1h < 0) {
            cacheWrite5m = max(0, cacheWrite5m) + cacheWrite - said
        }
    }

    fileprivate mutating func add(_ other: Self) {
        func sum(_ one: inout Int64, _ more: Int64) { if more >= 0 { one = max(0, one) + more } }
        sum(&input, other.input)
        sum(&output, other.output)
        sum(&cacheRead, other.cacheRead)
        sum(&cacheWrite5m, other.cacheWrite5m)
        sum(&cacheWrite1h, other.cacheWrite1h)
    }

    fileprivate mutating func raise(to other: Self) {
        input = max(input, other.input)
        output = max(output, other.output)
        cacheRead = max(cacheRead, other.cacheRead)
        cacheWrite5m = max(cacheWrite5m, other.cacheWrite5m)
        cacheWrite1h = max(cacheWrite1h, other.cacheWrite1h)
    }
}
