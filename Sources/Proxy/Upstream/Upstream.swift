public import Conversion
internal import HTTPWire
public import LLMWire
internal import NIOCore
public import Ranking
internal import Support
internal import Synchronization
public import Verdicts

/// One endpoint as the data path sees it: where it is, how it is paid for, how long to wait for it. Immutable.
///
/// Make a new one when the endpoint's settings change and keep the old one otherwise: connections belong to its URLs.
/// Streams that run on a replaced upstream keep it to their end.
public final class Upstream: Sendable {
    /// Outlives renames.
    public let id: EndpointID
    /// For messages and the access log.
    public let name: String
    /// Serves requests of every API, and of none that is known.
    public let anyURL: UpstreamURL?
    /// Preferred for Anthropic-shaped requests.
    public let anthropicURL: UpstreamURL?
    /// Preferred for OpenAI-shaped requests.
    public let openAIURL: UpstreamURL?
    /// Requests for this API pass it over.
    public let lacks: OpenAIAPI?
    /// Which models it is asked for, and by which names; nil where nothing is ruled.
    public let modelRules: ModelRules?
    /// What an operator wants to happen at its refusals: its own rules, then those for all.
    public let rules: [FailoverRule]
    /// The operations whose paths it does not know.
    let unknownPaths = UnknownPaths()
    /// As many requests may run there at once; 0: any number.
    public let maxInFlight: Int
    /// Free words, by which clients and requests choose.
    public let tags: [String]
    /// When it is asked at all; nil: always.
    public let conditions: EndpointConditions?
    /// How long to wait for it.
    public let timeouts: UpstreamTimeouts
    /// For https URLs.
    public let tls: UpstreamTLSOptions
    /// On the way there; nil for a direct connection.
    public let proxy: UpstreamProxy?
    /// What runs there now.
    public let load: EndpointLoad

    /// Where requests of other APIs go, as requests of Chat Completions; nil where they do not.
    public let conversion: UpstreamConversion?

    let waits: UpstreamWaits
    /// Where the client's own credential headers go.
    let forwardsClientCredential: Bool
    /// Where cookies go, in both directions.
    let passesCookies: Bool
    /// Whether the endpoint may know which client asks: `Via`, `X-Forwarded-*` and their kin.
    let namesClients: Bool
    /// The field that tells clients its name, closed by CRLF; empty where they are not told.
    let nameLine: [UInt8]
    /// What must not come back from it.
    let secrets: [SecretPattern]
    /// Credential and configured header lines, each closed by CRLF.
    let fixedHeaderLines: [UInt8]
    /// Lower-cased names of the configured headers; the client's fields of these names are dropped.
    let overriddenNames: [[UInt8]]
    let overridesFields: Bool
    let replacedFields: ReplacedFields

    /// - Parameters:
    ///   - isNamed: whether clients are told its name, in `X-Podium-Endpoint`
    ///   - secrets: what must not come back, besides the credential and headers that are one by their name
    /// - Throws: `UpstreamError` when a header name or value, or the credential, could break the framing of a request.
    public init(
        id: EndpointID, name: String, anyURL: UpstreamURL? = nil, anthropicURL: UpstreamURL? = nil,
        openAIURL: UpstreamURL? = nil, credential: UpstreamCredential = .none,
        headers: [(name: String, value: String)] = [], lacks: OpenAIAPI? = nil, timeouts: UpstreamTimeouts = .init(),
        tls: UpstreamTLSOptions = .init(), proxy: UpstreamProxy? = nil, passesCookies: Bool = false,
        namesClients: Bool = false, isNamed: Bool = false, secrets: [String] = [], rules: [FailoverRule] = [],
        maxInFlight: Int = 0, tags: [String] = [], conditions: EndpointConditions? = nil, modelRules: ModelRules? = nil,
        conversion: UpstreamConversion? = nil, load: EndpointLoad = .init()
    ) throws(UpstreamError) {
        self.id = id
        self.name = name
        self.anyURL = anyURL
        self.anthropicURL = anthropicURL
        self.openAIURL = openAIURL
        self.lacks = lacks
        self.rules = rules
        self.maxInFlight = maxInFlight
        self.tags = tags
        self.conditions = conditions
        self.modelRules = modelRules
        self.conversion = conversion
        self.timeouts = timeouts
        waits = UpstreamWaits(timeouts)
        self.tls = tls
        self.proxy = proxy
        self.load = load
        forwardsClientCredential = credential == .passthrough
        self.passesCookies = passesCookies
        self.namesClients = namesClients
        nameLine = isNamed ? Self.nameLine(name) : []
        self.secrets =
            SecretPattern.all(credential: credential, headers: headers) + secrets.compactMap { SecretPattern($0) }
        var block = FixedHeaderBlock()
        try block.append(headers: headers)
        try block.append(credential: credential)
        fixedHeaderLines = block.lines
        overriddenNames = block.names
        overridesFields = !block.names.isEmpty
        replacedFields = ReplacedFields(names: block.names)
    }

    /// The name as a field may hold it: blanks, percent signs, and what is no ASCII are percent-encoded.
    private static func nameLine(_ name: String) -> [UInt8] {
        Array("X-Podium-Endpoint: \(PercentEncoding.encode(name, keeping: visible))\r\n".utf8)
    }

    private static let visible = ##"!"#$&'()*+,/:;<=>?@[\]^`{|}"##

    var poolKeys: [Int] { [anyURL, anthropicURL, openAIURL].compactMap { $0?.poolKey } }
    var usesTLS: Bool { [anyURL, anthropicURL, openAIURL].contains { $0?.usesTLS == true } }

    /// The proxy on the way to one of its URLs.
    public func proxy(for url: UpstreamURL) -> UpstreamProxy? { url.proxy ?? proxy }

    /// What goes to an HTTP proxy with each request that it forwards: a header line, or nothing.
    func proxyAuthorization(for url: UpstreamURL) -> [UInt8] {
        Array((proxy(for: url)?.credentials?.headerLine ?? "").utf8)
    }

    /// The APIs that it has a URL for.
    public var serves: ServedAPIs {
        ServedAPIs(
            any: anyURL != nil, anthropic: anthropicURL != nil || conversion != nil, openAI: openAIURL != nil)
    }

    /// The base URL for requests of `api`, nil when this endpoint does not serve it.
    func url(for api: RequestAPI) -> UpstreamURL? {
        switch api {
        case .anthropic: anthropicURL ?? anyURL
        case .openAI: openAIURL ?? anyURL
        case .other: anyURL
        }
    }
}

/// What an endpoint of Chat Completions is sent in place of requests of other APIs.
public struct UpstreamConversion: Sendable, Equatable {
    /// How they are converted.
    public var options: ConversionOptions

    /// As its parts.
    public init(options: ConversionOptions) { self.options = options }
}

/// How an endpoint is paid for.
public enum UpstreamCredential: Sendable, Equatable {
    /// `x-api-key: VALUE`
    case apiKey(String)
    /// `Authorization: Bearer VALUE`
    case bearer(String)
    /// The client's `Authorization`, `x-api-key` and other credentials go through unchanged.
    case passthrough
    /// No credential; the client's is removed.
    case none
}

/// Why an upstream's settings cannot be put on the wire. Never holds a secret.
public enum UpstreamError: Error, Equatable, Sendable {
    case invalidHeaderName(String)
    /// The value of the named header holds control characters.
    case invalidHeaderValue(name: String)
    /// The header is the proxy's own business (framing, connection, Host).
    case reservedHeader(String)
    /// The credential is empty or holds characters that cannot stand in a header.
    case invalidCredential
}

/// How long to wait for an endpoint.
public struct UpstreamTimeouts: Sendable, Equatable {
    /// TCP, name resolution and the agreement with a proxy included.
    public var connect = Duration.seconds(5)
    /// From the TCP connection to the end of the handshake.
    public var tlsHandshake = Duration.seconds(10)
    /// From the request's end to the response's head; zero: for ever.
    public var responseHeader = Duration.seconds(120)
    /// The same of a model's answer that is no stream, to its end; zero: for ever.
    public var response = Duration.seconds(600)
    /// Longest silence within a response body, and longest standstill in sending a request body; zero: for ever.
    public var streamIdle = Duration.seconds(300)
    /// How long an unused connection is kept.
    public var idleConnection = Duration.seconds(90)
    /// How long a whole probe may take.
    public var probe = Duration.seconds(30)

    /// The defaults of `timeouts:`.
    public init() {}
}

/// TLS towards an endpoint. Certificates and host names are always verified.
public struct UpstreamTLSOptions: Sendable, Hashable {
    /// PEM file of the authorities to trust instead of the system's.
    public var caFile: String?
    /// Name to verify and to send as SNI instead of the URL's host.
    public var serverName: String?

    /// The system's authorities, the URL's host.
    public init(caFile: String? = nil, serverName: String? = nil) {
        self.caFile = caFile
        self.serverName = serverName
    }
}

/// How many requests and sessions run at one endpoint. It outlives changes of the endpoint's settings, each of which makes a new
/// `Upstream`.
public final class EndpointLoad: Sendable {
    private let running = Atomic<Int>(0)
    private let sessionCount = Atomic<Int>(0)
    private let lastMeasured = Atomic<UInt64>(0)
    private let waitingCount = Atomic<Int>(0)
    private let overflowCount = Atomic<Int>(0)
    /// What was used of its limits.
    public let used = LimitCount()
    private let listed = Mutex(Listed())

    private struct Listed {
        var catalogue: ModelCatalogue?
        /// When the list was asked for last, in seconds since 1970.
        var asked = 0
    }

    /// Nothing runs.
    public init() {}

    /// Attempts that have begun and not ended.
    public var requests: Int { max(0, running.load(ordering: .sequentiallyConsistent)) }

    /// Requests that wait for a place there.
    public var waiting: Int { waitingCount.load(ordering: .relaxed) }

    /// Requests that passed it over since it was full.
    public var overflows: Int { overflowCount.load(ordering: .relaxed) }

    /// Sessions that have their cache there and are running.
    public var sessions: Int { sessionCount.load(ordering: .relaxed) }

    func setSessions(_ count: Int) { sessionCount.store(count, ordering: .relaxed) }

    /// The models that it has said it serves; nil where it has given no list.
    public var catalogue: ModelCatalogue? { listed.withLock { $0.catalogue } }

    /// - Parameter catalogue: nil where another server stands behind the name now
    public func keep(_ catalogue: ModelCatalogue?) {
        listed.withLock { $0 = Listed(catalogue: catalogue) }
    }

    /// Whether the list of its models is to be fetched now, by this caller alone.
    ///
    /// - Parameters:
    ///   - now: in seconds since 1970
    ///   - lifetime: an older list is fetched anew
    ///   - pause: between two tries
    public func takeTurnToFetch(at now: Int, _ lifetime: Int, pause: Int) -> Bool {
        listed.withLock { listed in
            if let catalogue = listed.catalogue, (0..<lifetime).contains(now - catalogue.fetched) { return false }
            guard !(0..<pause).contains(now - listed.asked) else { return false }
            listed.asked = now
            return true
        }
    }

    /// An answer of it was measured, or is going to be.
    func measured(at now: NIODeadline) { lastMeasured.store(now.uptimeNanoseconds, ordering: .relaxed) }

    /// How long ago it was; nil: never.
    func sinceMeasured(now: NIODeadline) -> Duration? {
        let last = lastMeasured.load(ordering: .relaxed)
        return last == 0 ? nil : .nanoseconds(now.uptimeNanoseconds - min(last, now.uptimeNanoseconds))
    }

    func attemptStarted() { running.wrappingAdd(1, ordering: .relaxed) }

    // One side says that it waits and then looks for a place, the other gives its place back and then looks whether a request waits. In one
    // order for all threads, one of the two sees the other.
    func attemptEnded() { running.wrappingSubtract(1, ordering: .sequentiallyConsistent) }

    /// Whether a request waits for a place there.
    @inline(__always)
    var isAwaited: Bool { waitingCount.load(ordering: .sequentiallyConsistent) > 0 }

    func setWaiting(_ count: Int) { waitingCount.store(count, ordering: .sequentiallyConsistent) }

    func overflowed() { overflowCount.wrappingAdd(1, ordering: .relaxed) }
}

/// Finds an endpoint's credential in what the endpoint says. Each head of an answer is searched, so this has to cost next to
/// nothing: the C library looks for the secret's rarest byte, 32 bytes at a time, and only where it stands the rest is compared.
struct SecretPattern: Sendable {
    /// Shorter ones are words such as `none` or `ollama`, which a server has other reasons to write.
    private static let shortest = 8

    private let bytes: [UInt8]
    /// Where in the secret its byte stands that is the rarest in heads of answers.
    private let anchor: Int
    private let anchorByte: CInt

    /// nil where the text is too short to be a secret.
    init?(_ text: String) {
        let bytes = Array(text.utf8)
        guard bytes.count >= Self.shortest else { return nil }
        self.bytes = bytes
        anchor = bytes.indices.min { Self.frequency(bytes[$0]) < Self.frequency(bytes[$1]) } ?? 0
        anchorByte = CInt(bytes[anchor])
    }

    /// How common a byte is in heads of answers, roughly.
    private static func frequency(_ byte: UInt8) -> Int {
        switch byte {
        case UInt8(ascii: "e"), UInt8(ascii: "t"), UInt8(ascii: "a"), UInt8(ascii: "n"), UInt8(ascii: "o"),
            UInt8(ascii: "i"), UInt8(ascii: "r"), UInt8(ascii: "s"), UInt8(ascii: "-"), UInt8(ascii: " "):
            5
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "c"), UInt8(ascii: "d"), UInt8(ascii: "l"): 4
        case UInt8(ascii: "q"), UInt8(ascii: "j"), UInt8(ascii: "z"): 1
        case UInt8(ascii: "a")...UInt8(ascii: "z"): 3
        case UInt8(ascii: "C"), UInt8(ascii: "T"), UInt8(ascii: "D"), UInt8(ascii: "G"), UInt8(ascii: "M"),
            UInt8(ascii: "S"), UInt8(ascii: "X"), UInt8(ascii: "R"), UInt8(ascii: "/"), UInt8(ascii: ":"):
            2
        default: 0
        }
    }

    var count: Int { bytes.count }

    /// Where the secret begins in `text`, at `start` or behind it.
    func first(in text: UnsafeRawBufferPointer, from start: Int = 0) -> Int? {
        guard let base = text.baseAddress, start + bytes.count <= text.count else { return nil }
        return bytes.withUnsafeBytes { pattern in
            // Where the anchor may stand, so that the whole secret has room around it.
            var place = start + anchor
            let end = text.count - (pattern.count - 1 - anchor)
            while place < end, let found = memchr(base + place, anchorByte, end - place) {
                let position = UnsafeRawPointer(found) - base - anchor
                if let secret = pattern.baseAddress, memcmp(base + position, secret, pattern.count) == 0 {
                    return position
                }
                place = position + anchor + 1
            }
            return nil
        }
    }

    /// The text with asterisks in place of the secret.
    func masking(_ text: String) -> String {
        var text = Array(text.utf8)
        text.withUnsafeMutableBytes { mask($0) }
        return String(decoding: text, as: UTF8.self)
    }

    /// Puts asterisks in place of the secret, wherever it stands.
    func mask(_ text: UnsafeMutableRawBufferPointer) {
        var start = 0
        while let found = first(in: UnsafeRawBufferPointer(text), from: start) {
            for place in found..<found + count { text[place] = UInt8(ascii: "*") }
            start = found + count
        }
    }

    /// The secrets of an endpoint: its credential, and those of its configured headers that are one by their name.
    static func all(credential: UpstreamCredential, headers: [(name: String, value: String)]) -> [SecretPattern] {
        var texts: [String] = []
        switch credential {
        case .apiKey(let secret), .bearer(let secret): texts.append(secret)
        case .passthrough, .none: break
        }
        for (name, value) in headers where FieldNameKind.isCredential(field: name) {
            // `Bearer SECRET`, `Basic SECRET`
            texts.append(value.split(separator: " ").last.map(String.init) ?? value)
        }
        return texts.compactMap { SecretPattern($0) }
    }
}
