internal import PodiumModel
internal import Proxy
internal import PureSupport
internal import Ranking

/// The last requests, each with its way from endpoint to endpoint, for `podium explain`.
///
/// It lies under the engine's lock and is written at the end of every request, so what a request costs here is one copy of plain values
/// into memory that was taken once. Which endpoints there were, and which were out and why, is noted when a routing table is
/// published: a request only names the table that it went by. Words are made when an operator asks.
///
/// All of it is bounded: the number of requests, the bytes of their texts, the attempts of each, and the endpoints of all tables together.
struct RequestHistory: Sendable {
    static let capacity = 10_000
    /// For the request's id, its method and its path.
    static let textLength = 128
    /// Attempts behind the first one.
    static let mostAttempts = 8
    /// Of all routing tables together; the newest one is kept whatever it holds.
    static let mostPlaces = 32_768
    /// Endpoints of one explanation.
    static let mostSteps = 200

    /// Bytes that are taken where every request was tried on many endpoints and every table is kept.
    static let mostBytes =
        capacity
        * (MemoryLayout<Entry>.stride + textLength
            // A dictionary has room for up to twice as many.
            + 2 * (MemoryLayout<Int>.stride + MemoryLayout<Details>.stride)
            + mostAttempts * (MemoryLayout<AttemptReport>.stride + MemoryLayout<EndpointID>.stride)
            + (mostAttempts + 1) * MemoryLayout<String>.stride)
        + mostPlaces * (MemoryLayout<Place>.stride + MemoryLayout<Table>.stride)

    /// One request, without its texts. Nothing in it is counted or freed: it is written for every request.
    struct Entry: Sendable {
        var at: ReportTime
        var status: Int?
        var api: RequestAPI
        var ending: RequestReport.Ending
        var endpoint: EndpointID?
        var bytesUp = 0
        var bytesDown = 0
        var firstByte: Duration?
        var duration: Duration
        /// The version of the routing table that it went by; nil where it went by none.
        var table: UInt64?
        var firstAttempt: AttemptReport?
        /// Why another endpoint was asked first than the first of the order.
        var route = RouteReason.order
        /// How long it waited for a place at an endpoint that was full.
        var queueTime: Duration?
        /// Whether there is something in `details`.
        var hasDetails = false
        var names = RequestReport.Names()
    }

    /// What only a request has that did not go well at once.
    private struct Details: Sendable {
        /// Behind the first one.
        var attempts: [AttemptReport]
        /// Of all attempts.
        var verdictRows: [String]
        /// Endpoints that were not asked when their turn came.
        var passes: [PassedOver]
        var unlisted: Int
        /// Why it went to no endpoint, by its head alone.
        var refusal: String?
    }

    /// One endpoint of a routing table, or one that it left out.
    struct Place: Sendable {
        enum State: Sendable {
            case open, halfOpen
            /// It cannot be used as it is configured.
            case unusable
            case out(Availability)
        }

        var endpoint: EndpointID
        var serves: ServedAPIs = []
        var lacks: OpenAIAPI?
        var limitedModels: [LimitedModel] = []
        var state: State
    }

    private struct Table: Sendable {
        var version: UInt64
        var places: [Place]
    }

    private var entries: [Entry] = []
    private var texts: [UInt8] = []
    /// By place.
    private var details: [Int: Details] = [:]
    /// Where the oldest entry lies, once there is no room for more.
    private var oldest = 0
    /// Oldest first.
    private var tables: [Table] = []
    private(set) var placeCount = 0

    var count: Int { entries.count }
    var tableCount: Int { tables.count }

    init() {
        // Pages that nothing was written to yet take no memory.
        entries.reserveCapacity(Self.capacity)
        texts.reserveCapacity(Self.capacity * Self.textLength)
    }

    // MARK: Taking in

    mutating func append(_ report: RequestReport) {
        let slot = takeSlot()
        let names = texts.withUnsafeMutableBytes { report.copyNames(to: Self.part(slot, of: $0)) }
        entries[slot] = Entry(report, names)
        if report.failedOver || !report.verdictRows.isEmpty || !report.passes.isEmpty || report.refusal != nil {
            keep(report.furtherAttempts, report.verdictRows, report.passes, slot, refusal: report.refusal)
        }
    }

    /// - Parameter copy: copies the texts to where they are kept
    mutating func append(
        _ entry: Entry, further: [AttemptReport] = [], verdictRows: [String] = [], passes: [PassedOver] = [],
        _ copy: (UnsafeMutableRawBufferPointer) -> RequestReport.Names
    ) {
        let slot = takeSlot()
        entries[slot] = entry
        entries[slot].names = texts.withUnsafeMutableBytes { copy(Self.part(slot, of: $0)) }
        if !further.isEmpty || !verdictRows.isEmpty || !passes.isEmpty {
            keep(further, verdictRows, passes, slot)
        }
    }

    /// The place of the request that comes next: a new one, or that of the oldest.
    private mutating func takeSlot() -> Int {
        guard entries.count == Self.capacity else {
            entries.append(Entry.none)
            texts.append(contentsOf: repeatElement(0, count: Self.textLength))
            return entries.count - 1
        }
        let slot = oldest
        oldest = slot + 1 == Self.capacity ? 0 : slot + 1
        if entries[slot].hasDetails { details[slot] = nil }
        return slot
    }

    private mutating func keep(
        _ attempts: [AttemptReport], _ verdictRows: [String], _ passes: [PassedOver], _ slot: Int,
        refusal: String? = nil
    ) {
        entries[slot].hasDetails = true
        let unlisted = max(0, attempts.count - Self.mostAttempts)
        details[slot] = Details(
            attempts: unlisted == 0 ? attempts : Array(attempts.prefix(Self.mostAttempts)),
            verdictRows: Array(verdictRows.prefix(Self.mostAttempts + 1)),
            passes: Array(passes.prefix(Self.mostAttempts)), unlisted: unlisted, refusal: refusal)
    }

    private static func part(_ slot: Int, of bytes: UnsafeMutableRawBufferPointer) -> UnsafeMutableRawBufferPointer {
        UnsafeMutableRawBufferPointer(rebasing: bytes[slot * textLength..<(slot + 1) * textLength])
    }

    /// A routing table is published.
    ///
    /// - Parameter places: its candidates in their order, then those that it leaves out
    mutating func note(_ places: [Place], version: UInt64) {
        tables.append(Table(version: version, places: places))
        placeCount += places.count
        while tables.count > 1, placeCount > Self.mostPlaces || tables.count > Self.mostPlaces {
            placeCount -= tables.removeFirst().places.count
        }
    }

    // MARK: Explaining

    /// What an explanation takes from elsewhere.
    struct Words {
        var name: (EndpointID) -> String
        /// Why an endpoint cannot be used as it is configured.
        var misconfiguration: (EndpointID) -> String?
        /// In seconds since 1970.
        var time: (ContinuousClock.Instant) -> Double
    }

    /// The newest request of that id.
    func walk(of id: String, _ words: Words) -> RequestWalk? {
        let slots = (0..<entries.count).map { ($0 + oldest) % entries.count }
        let found = slots.filter { isNamed(id, slot: $0) }
        guard let slot = found.last else { return nil }
        let entry = entries[slot]
        let places = entry.table.flatMap { version in tables.last { $0.version == version } }?.places
        let details = details[slot]
        let attempts = (entry.firstAttempt.map { [$0] } ?? []) + (details?.attempts ?? [])
        let (steps, unlisted) = Self.steps(
            of: entry, attempts, details?.verdictRows ?? [], places, passes: details?.passes ?? [], words)
        let (method, path) = texts(slot)
        return RequestWalk(
            id: id, time: words.time(entry.at.instant), method: method, path: path + (entry.names.isCut ? "…" : ""),
            api: entry.api.word, status: entry.status, ending: entry.ending.rawValue,
            endpoint: entry.endpoint.map(words.name), bytesUp: entry.bytesUp, bytesDown: entry.bytesDown,
            firstByteSeconds: entry.firstByte?.inSeconds, seconds: entry.duration.inSeconds, sameID: found.count - 1,
            route: entry.route == .order ? nil : entry.route.rawValue,
            queuedSeconds: entry.queueTime?.inSeconds, refusal: details?.refusal, steps: steps,
            unlisted: unlisted + (details?.unlisted ?? 0), knowsAll: places != nil)
    }

    private func isNamed(_ id: String, slot: Int) -> Bool {
        let names = entries[slot].names
        if let generated = names.generatedID {
            return id.utf8.count == 16 && UInt64(id, radix: 16) == generated && id.first != "+"
        }
        return texts[text(slot, 0, names.idLength)].elementsEqual(id.utf8)
    }

    private func texts(_ slot: Int) -> (method: String, path: String) {
        let names = entries[slot].names
        func string(_ start: Int, _ length: Int) -> String {
            String(decoding: texts[text(slot, start, length)], as: UTF8.self)
        }
        return (
            string(names.idLength, names.methodLength),
            string(names.idLength + names.methodLength, names.pathLength)
        )
    }

    private func text(_ slot: Int, _ start: Int, _ length: Int) -> Range<Int> {
        let start = slot * Self.textLength + start
        return start..<start + length
    }

    /// The attempts in their order, each behind those that were passed over on the way to it; then what was left, and what was out.
    private static func steps(
        of entry: Entry, _ attempts: [AttemptReport], _ verdictRows: [String], _ places: [Place]?,
        passes: [PassedOver], _ words: Words
    ) -> (steps: [RequestWalk.Step], unlisted: Int) {
        let asked = Set(attempts.map(\.endpoint))
        let rest = (places ?? []).filter { !asked.contains($0.endpoint) }
        let order = Dictionary(
            (places ?? []).enumerated().map { ($1.endpoint, $0) }, uniquingKeysWith: { first, _ in first })
        let last = attempts.compactMap { order[$0.endpoint] }.max() ?? -1
        // An answer of Podium's own came once every candidate had had its turn.
        let isExhausted = entry.endpoint == nil && entry.ending == .answeredLocally
        var steps: [RequestWalk.Step] = []
        var told = rest.makeIterator()
        var next = told.next()
        func reason(_ place: Place) -> String {
            if canServe(place, entry.api), let pass = passes.first(where: { $0.endpoint == place.endpoint }) {
                return pass.reason.text
            }
            let text = Self.reason(place, entry.api)
            return text.isEmpty ? entry.route.reasonToPassOver ?? "passed over" : text
        }
        func isPassed(_ place: Place, before limit: Int) -> Bool {
            switch place.state {
            case .open, .halfOpen: order[place.endpoint] ?? 0 < limit
            case .unusable, .out: false
            }
        }
        for (index, attempt) in attempts.enumerated() {
            while let place = next, let limit = order[attempt.endpoint], isPassed(place, before: limit) {
                steps.append(.init(words.name(place.endpoint), .skipped, reason(place)))
                next = told.next()
            }
            var step = step(attempt, words)
            if verdictRows.indices.contains(index), !verdictRows[index].isEmpty { step.verdict = verdictRows[index] }
            steps.append(step)
        }
        while let place = next {
            let name = words.name(place.endpoint)
            switch place.state {
            case .open, .halfOpen:
                let isTurn =
                    isExhausted || order[place.endpoint] ?? 0 < last || !canServe(place, entry.api)
                    || passes.contains { $0.endpoint == place.endpoint }
                steps.append(.init(name, isTurn ? .skipped : .notNeeded, isTurn ? reason(place) : ""))
            case .unusable:
                let text = words.misconfiguration(place.endpoint).map { ": \($0)" } ?? ""
                steps.append(.init(name, .out, "misconfigured\(text)"))
            case .out(let availability):
                steps.append(.init(name, .out, availability.text, until: availability.recovery.map(words.time)))
            }
            next = told.next()
        }
        return (Array(steps.prefix(mostSteps)), max(0, steps.count - mostSteps))
    }

    private static func step(_ attempt: AttemptReport, _ words: Words) -> RequestWalk.Step {
        var step = RequestWalk.Step(
            words.name(attempt.endpoint), .asked,
            attempt.outcome.text(status: attempt.status) + (attempt.isConverted ? ", converted" : ""))
        step.outcome = attempt.outcomeWord
        step.status = attempt.status
        step.firstByteSeconds = attempt.timeToFirstByte?.inSeconds
        step.firstContentSeconds = attempt.figures.timeToFirstContent?.inSeconds
        step.tokensPerSecond = attempt.figures.tokensPerSecond
        step.seconds = attempt.duration.inSeconds
        return step
    }

    private static func canServe(_ place: Place, _ api: RequestAPI) -> Bool {
        place.serves.contains(ServedAPIs(api))
    }

    /// - Returns: empty where nothing was in the way
    private static func reason(_ place: Place, _ api: RequestAPI) -> String {
        if !canServe(place, api) {
            return switch api {
            case .anthropic: "no URL for Anthropic's API"
            case .openAI: "no URL for OpenAI's API"
            case .other: "no URL for this path"
            }
        }
        if case .halfOpen = place.state { return "on trial: one request at a time tries it" }
        if let lacks = place.lacks { return "does not know \(lacks.path)" }
        if !place.limitedModels.isEmpty {
            let models = place.limitedModels.prefix(4).map { "\($0.name): \($0.reason.text)" }
            return "not asked for \(models.joined(separator: "; "))"
        }
        return ""
    }
}

extension RouteReason {
    /// Why an endpoint was passed over that stood before the one that was asked first.
    fileprivate var reasonToPassOver: String? {
        switch self {
        case .order: nil
        case .session: "its session stays where its cache is"
        case .brokenStream: "a stream of its session had just broken"
        case .madeID: "the request names what another one has made"
        case .explored: "another one was looked at that had not been measured lately"
        }
    }
}

extension RequestHistory.Place {
    init(_ candidate: Candidate) {
        self.init(
            endpoint: candidate.upstream.id, serves: candidate.upstream.serves,
            lacks: candidate.upstream.conversion == nil ? candidate.upstream.lacks : nil,
            limitedModels: candidate.limitedModels, state: candidate.gate == .halfOpen ? .halfOpen : .open)
    }

    init(_ absent: AbsentEndpoint) {
        self.init(
            endpoint: absent.upstream.id, serves: absent.upstream.serves, state: .out(absent.availability))
    }
}

extension RequestHistory.Entry {
    fileprivate static let none = RequestHistory.Entry(
        at: ReportTime(.now), api: .other, ending: .stopped, duration: .zero)

    fileprivate init(_ report: RequestReport, _ names: RequestReport.Names) {
        self.init(
            at: report.ended, status: report.status, api: report.api, ending: report.ending, endpoint: report.endpoint,
            bytesUp: report.bytesUp, bytesDown: report.bytesDown, firstByte: report.timeToFirstByte,
            duration: report.duration, table: report.tableVersion, firstAttempt: report.firstAttempt,
            route: report.route, queueTime: report.queueTime,
            names: names)
    }
}

extension RequestAPI {
    fileprivate var word: String {
        switch self {
        case .anthropic: "anthropic"
        case .openAI: "openai"
        case .other: "other"
        }
    }
}

extension Availability {
    /// Why an endpoint is out, without until when.
    fileprivate var text: String {
        switch self {
        case .available, .halfOpen: ""
        case .open(_, let cause): "timed out: \(cause.text)"
        case .timedOut(_, let reason): reason.text
        case .misconfigured(_, let status): OutageCause.credentialRefused(status: status).text
        case .disabled: "switched off"
        }
    }
}
