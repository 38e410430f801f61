internal import PureSupport

/// What endpoints answered over a time, and when requests came: the input of the simulator.
///
/// As text, one event a line, times in seconds from the start, names last because they may hold spaces:
/// ```
/// # comment
/// 12.500 request
/// 12.912 ok 412.5 anthropic-main          milliseconds to the first content of a stream
/// 12.913 ok 412.5:stream:9f3c21aa main    the same of a model, in hexadecimal digits that only tell it from others
/// 12.914 ok 9120:whole:9f3c21aa main      milliseconds to the end of an answer that came whole
/// 13.020 fail status:502 openai-team      or name, connect, tls, timeout, closed, bad, broken, page, empty, within:529
/// 13.050 fail timeout:60 openai-team      with the seconds that the attempt took
/// 13.100 limited 30 azure-gpt             seconds to wait
/// 13.150 out quota:402:300:3600 relay     why, status, seconds of the first time out and of the longest
/// 13.160 out-model model:404:300:300 relay the same for a model, whichever it was
/// 13.200 refused 401 lab-proxy            status
/// 13.300 declined 404 lab-proxy           status
/// ```
/// Without any `request` line, each answer counts as one request at its time. Times need not ascend.
public struct OutcomeTrace: Sendable, Equatable {
    /// One answer of one endpoint.
    public struct Answer: Sendable, Equatable {
        /// Time since the start.
        public var at: Duration
        /// What the attempt taught.
        public var outcome: AttemptOutcome
        /// From the attempt's beginning on; nil where that is not known. Of attempts that timed out alone: whether one counts depends on
        /// what the endpoint answered meanwhile.
        public var took: Duration?

        /// As its parts.
        public init(at: Duration, outcome: AttemptOutcome, took: Duration? = nil) {
            self.at = at
            self.outcome = outcome
            self.took = took
        }
    }

    /// Why a line could not be read.
    public struct ParseError: Error, Sendable, Equatable {
        /// From 1.
        public var line: Int
        /// What is wrong with it.
        public var reason: String
    }

    /// In the order in which they first appear: the order before anything is measured.
    public private(set) var endpoints: [String]
    /// Per endpoint, by ascending time; never empty.
    public private(set) var answers: [[Answer]]
    /// When requests came, ascending.
    public private(set) var requests: [Duration]

    /// A trace from its parts; endpoints without any answer are left out.
    public init(_ answers: [(endpoint: String, answers: [Answer])], requests: [Duration]) {
        let known = answers.filter { !$0.answers.isEmpty }
        self.endpoints = known.map(\.endpoint)
        self.answers = known.map { $0.answers.sorted { $0.at < $1.at } }
        self.requests = requests.sorted()
    }

    /// Reads the text form.
    public init(parsing text: some StringProtocol) throws(ParseError) {
        var names: [String] = []
        var indices: [String: Int] = [:]
        var answers: [[Answer]] = []
        var requests: [Duration] = []
        var number = 0
        for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
            number += 1
            let fields = line.split(maxSplits: 3, whereSeparator: { $0 == " " || $0 == "\t" })
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            guard let seconds = Double(first), seconds.isFinite, (0...1e9).contains(seconds) else {
                throw ParseError(line: number, reason: "'\(first)' is not a time in seconds")
            }
            let at = Duration.nanoseconds(Int64(seconds * 1e9 + 0.5))
            if fields.count == 2, fields[1] == "request" {
                requests.append(at)
                continue
            }
            guard fields.count == 4 else {
                throw ParseError(line: number, reason: "expected TIME request, or TIME KIND VALUE NAME")
            }
            guard let (outcome, took) = Self.outcome(kind: String(fields[1]), value: String(fields[2])) else {
                throw ParseError(line: number, reason: "'\(fields[1]) \(fields[2])' is not an outcome")
            }
            let name = String(fields[3])
            let index = indices[name] ?? names.count
            if index == names.count {
                indices[name] = index
                names.append(name)
                answers.append([])
            }
            answers[index].append(Answer(at: at, outcome: outcome, took: took))
        }
        if requests.isEmpty { requests = answers.joined().map(\.at) }
        self.init(Array(zip(names, answers)).map { ($0, $1) }, requests: requests)
    }

    private static let timeout = "timeout:"

    private static func outcome(kind: String, value: String) -> (AttemptOutcome, took: Duration?)? {
        guard kind == "fail", value.hasPrefix(timeout) else {
            return AttemptOutcome(kind: kind, value: value).map { ($0, nil) }
        }
        guard let seconds = Double(value.dropFirst(timeout.count)), (0...1e9).contains(seconds) else { return nil }
        return (.failure(.timeout), .seconds(seconds))
    }

    /// The line that records an answer; nil for an outcome that says nothing about the endpoint.
    ///
    /// - Parameter took: how long the attempt took
    public static func line(
        at: Duration, endpoint: String, outcome: AttemptOutcome, took: Duration? = nil
    ) -> String? {
        outcome.traceFields.map { fields in
            let length = outcome == .failure(.timeout) ? took.map { ":\(seconds($0))" } ?? "" : ""
            return "\(seconds(at)) \(fields)\(length) \(endpoint)"
        }
    }

    /// The line that records the arrival of a request.
    public static func requestLine(at: Duration) -> String {
        "\(seconds(at)) request"
    }

    private static func seconds(_ time: Duration) -> String {
        let milliseconds = max(0, time.wholeNanoseconds / 1_000_000)
        let fraction = String(1_000 + milliseconds % 1_000).dropFirst()
        return "\(milliseconds / 1_000).\(fraction)"
    }
}

extension AttemptOutcome {
    private static let kinds: [(String, FailureKind)] = [
        ("name", .nameResolution), ("connect", .connect), ("tls", .tls(.unspecified)), ("timeout", .timeout),
        ("closed", .closed),
        ("bad", .badResponse), ("broken", .brokenStream), ("page", .page), ("empty", .emptyAnswer),
    ]

    init?(kind: String, value: String) {
        switch kind {
        case "ok":
            guard let sample = ResponseSample(traced: value) else { return nil }
            self = .success(sample)
        case "limited":
            guard let seconds = Double(value), (0...1e9).contains(seconds) else { return nil }
            self = .rateLimited(retryAfter: .seconds(seconds))
        case "out", "out-model":
            guard let request = TimeOutRequest(traced: value, model: kind == "out" ? nil : .ofTraces) else {
                return nil
            }
            self = .timedOut(request)
        case "refused":
            guard let status = Int(value) else { return nil }
            self = .misconfigured(status: status)
        case "declined":
            guard let status = Int(value) else { return nil }
            self = .declined(status: status)
        case "fail":
            if let known = Self.kinds.first(where: { $0.0 == value }) {
                self = .failure(known.1)
            } else if value.hasPrefix("status:"), let status = Int(value.dropFirst(7)) {
                self = .failure(.status(status))
            } else if value.hasPrefix("within:"), let status = Int(value.dropFirst(7)) {
                self = .failure(.errorInAnswer(status: status))
            } else {
                return nil
            }
        default: return nil
        }
    }

    fileprivate var traceFields: String? {
        switch self {
        case .success(let sample?): "ok \(sample.traced)"
        case .failure(.status(let status)): "fail status:\(status)"
        case .failure(.errorInAnswer(let status)): "fail within:\(status)"
        case .failure(.proxy): "fail connect"
        case .failure(.tlsFailure): "fail tls"
        case .failure(let kind): Self.kinds.first { $0.1 == kind }.map { "fail \($0.0)" }
        case .rateLimited(let wait): "limited \(Double(wait.wholeNanoseconds / 1_000_000) / 1_000)"
        case .timedOut(let request): "\(request.model == nil ? "out" : "out-model") \(request.traced)"
        case .misconfigured(let status): "refused \(status)"
        case .declined(let status): "declined \(status)"
        case .success(nil), .neutral: nil
        }
    }
}

extension ResponseSample {
    fileprivate init?(traced text: String) {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard let first = fields.first, let milliseconds = Double(first), (0...1e9).contains(milliseconds) else {
            return nil
        }
        let time = Duration.microseconds(Int64(milliseconds * 1_000))
        guard fields.count > 1 else {
            self.init(time)
            return
        }
        guard fields.count == 3, let kind = AnswerKind.allCases.first(where: { $0.word == fields[1] }),
            let model = UInt32(fields[2], radix: 16)
        else { return nil }
        self.init(time, kind: kind, model: model)
    }

    fileprivate var traced: String {
        let milliseconds = "\(Double(time.wholeNanoseconds / 1_000) / 1_000)"
        return kind == .stream && model == 0
            ? milliseconds : "\(milliseconds):\(kind.word):\(String(model, radix: 16))"
    }
}

extension TimeOutRequest {
    fileprivate init?(traced text: String, model: ModelReference?) {
        let fields = text.split(separator: ":", omittingEmptySubsequences: false)
        guard fields.count == 4, let cause = TimeOutCause(rawValue: String(fields[0])), let status = Int(fields[1]),
            let first = Double(fields[2]), let limit = Double(fields[3]), (0...1e6).contains(first),
            (0...1e6).contains(limit)
        else { return nil }
        self.init(cause: cause, status: status, first: .seconds(first), limit: .seconds(limit), model: model)
    }

    fileprivate var traced: String { "\(cause.rawValue):\(status):\(Self.seconds(first)):\(Self.seconds(limit))" }

    private static func seconds(_ length: Duration) -> String {
        let milliseconds = length.wholeNanoseconds / 1_000_000
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000)" : "\(Double(milliseconds) / 1_000)"
    }
}
