internal import Conversion
internal import HTTPWire
internal import LLMWire
internal import NIOCore
internal import Ranking
internal import Support
internal import Verdicts

/// The request that runs on a client connection: its head, what is kept of its body, and how both are written to an endpoint.
///
/// `RequestConnection` has one, which each of its requests fills anew. It is a class because it is handed to what chooses endpoints and
/// writes heads: a value of this size would be copied each time.
final class CurrentRequest {
    /// Bodies up to here are kept behind their head instead of in a buffer of their own.
    private static let inlineBodyLimit = 8 * 1024

    /// The head as received, then as much of the body as came along with it.
    private(set) var bytes = ByteBuffer()
    private(set) var headLength = 0
    /// Names the request within its event loop.
    private(set) var serial: UInt64 = 0
    private(set) var started = NIODeadline.uptimeNanoseconds(0)
    var minorVersion: UInt8 = 1
    var isHEAD = false
    var framing = BodyFraming.none
    var api = RequestAPI.other
    var openAIAPI: OpenAIAPI?
    /// Its answer says whether the endpoint knows `openAIAPI`.
    var teaches = false
    var operation = LLMOperation.other
    var methodLength = 0
    var pathRange = 0..<0
    var requestID = RequestID.generated(0)
    /// The page that may read the answer, as offsets into the head; nil for programs and for pages of other origins.
    var origin: Range<Int>?
    /// How many proxies of this kind it has come by before.
    var hops = 0

    /// Where its head names its session, and how much that field counts among those that do; nil where none does.
    private var sessionField: (value: Range<Int>, weight: Int)?
    /// Whose token it has shown, where that has a name.
    var client: NamedClient?
    /// `X-Podium-Tag`: endpoints without it are passed over.
    private(set) var tag: String?

    /// The tokens of which one admitted it; nil where all clients are admitted. They are kept, since none of them may go to an endpoint,
    /// also when the list has changed meanwhile.
    var admittedBy: ClientTokens?

    /// The content coding of its body: it is undone when, and only when, the body has to be read.
    private var coding = RequestCoding()
    /// The decoded body, which an endpoint is sent in place of the client's where something changes in it.
    private var plainBody: ByteBuffer?
    /// More than this is not decoded: as much of a body without a coding is kept at most.
    private let decodedLimit: Int
    /// The model that was asked for, where endpoints differ by it; nil as long as none was chosen by it.
    private(set) var modelAsked: String?
    /// What became of a name at an endpoint last: the requests of a connection ask for few, and mostly for the same.
    private var lastMapping: Mapping?

    private struct Mapping {
        let upstream: Upstream
        let asked: String
        let name: String
        /// Both as they stand between quotation marks.
        let askedText: [UInt8]
        let text: [UInt8]
    }

    /// Why it goes to no endpoint, by its head alone; nil where it may.
    var refusal: String?

    /// The name of the model that the present endpoint is sent in place of the client's.
    private(set) var modelChange: ModelChange?
    /// The present endpoint is asked for the usage at the end of the stream, which the client has not asked for.
    private(set) var asksForUsage = false
    /// What the present endpoint is sent in place of stretches of the client's body; nil where that goes on as it is.
    private(set) var edits: BodyEdits?

    /// The present endpoint is of another API, and is sent this in place of it.
    private(set) var conversion: ConvertedBody?
    /// What was made for the endpoint that may be asked next.
    private var prepared: ConvertedBody?
    /// It cannot be converted.
    private(set) var conversionRefusal: LocalAnswer?
    /// For these endpoints: they differ in what they refuse.
    private(set) var notConvertedFor: [EndpointID] = []

    /// What its endpoint could not read was taken out of it, by this row of the table of repairs; nil where nothing was.
    private(set) var repaired: String?
    /// What is taken out, of the body without its coding.
    private var cuts: [Range<Int>] = []

    /// What its body says, as far as it was read when that was asked for last; to be looked at behind `readFacts()`.
    private var facts = BodyFacts()

    private struct BodyFacts {
        /// As much of the body was kept; -1: it was not read.
        var length = -1
        var problem: RequestCoding.Problem?
        /// All of the body was here: one under a coding says nothing before.
        var isEnded = false
        /// It is JSON to its end.
        var isWhole = false
        /// Without its content coding.
        var plainLength = 0
        var model: String?
        var modelRange: Range<Int>?
        var namesModelWithCapitals = false
        var wantsStream: Bool?
        var usageRequest: (range: Range<Int>, text: StaticString)?
        var session: SessionKey?
        var madeID: MadeID?
    }

    var body = BodyReader(.none)
    /// Body bytes that have come.
    private(set) var bytesUp = 0
    private var replay = ReplayBuffer()

    /// Body bytes that follow the head in `bytes`.
    private var inlineBodyLength: Int { bytes.readableBytes - headLength }
    /// Bytes of the body that are kept for another endpoint.
    var keptBody: Int { replay.count + inlineBodyLength }

    var path: String { bytes.getString(at: bytes.readerIndex + pathRange.lowerBound, length: pathRange.count) ?? "" }
    var requestIDText: String { requestID.text(in: bytes) }

    /// The same whenever a client sends the same request again, and hardly ever for another.
    var fingerprint: UInt64 {
        var hasher = Hasher()
        bytes.withUnsafeReadableBytes { all in
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: all[pathRange]))
            hasher.combine(bytes: UnsafeRawBufferPointer(rebasing: all[headLength...]))
        }
        hasher.combine(bytesUp)
        return UInt64(truncatingIfNeeded: hasher.finalize())
    }

    init(decodedLimit: Int) {
        self.decodedLimit = min(decodedLimit, RequestReader.limit)
    }

    /// `RequestAdmission` fills in what the head says.
    func begin(_ head: UnsafeRawBufferPointer, serial: UInt64, now: NIODeadline) {
        bytes.clear()
        bytes.append(head)
        headLength = head.count
        self.serial = serial
        started = now
        bytesUp = 0
        facts.length = -1
        if sessionField != nil { sessionField = nil }
        if !coding.isNone { coding = RequestCoding() }
        if repaired != nil {
            repaired = nil
            cuts = []
        }
        if admittedBy != nil { admittedBy = nil }
        if modelAsked != nil { modelAsked = nil }
        if refusal != nil { refusal = nil }
        forgetEdits()
        if conversion != nil { conversion = nil }
        if prepared != nil { prepared = nil }
        if conversionRefusal != nil {
            conversionRefusal = nil
            notConvertedFor = []
        }
        if client != nil { client = nil }
        if tag != nil { tag = nil }
        origin = nil
        hops = 0
    }

    // MARK: What it may use

    /// A field of its head names the tag of endpoints.
    func noteTag(_ value: Range<Int>) {
        tag = bytes.getString(at: bytes.readerIndex + value.lowerBound, length: value.count)
    }

    /// Whether it may use the endpoint, by what its client may use and by the tag that it names itself.
    @inline(__always)
    func mayUse(_ upstream: Upstream) -> Bool { objection(to: upstream) == nil }

    /// Why it may not use the endpoint; nil where it may.
    @inline(__always)
    func objection(to upstream: Upstream) -> PassedOver.Reason? {
        client == nil && tag == nil ? nil : findObjection(to: upstream)
    }

    /// Whether a list of models that its client is given names this one of the endpoint: the filters of clients and tags join here.
    func mayList(_ model: String, of upstream: Upstream) -> Bool { mayUse(upstream) && mayUse(model: model) }

    /// Whether its client may ask for a model of this name.
    func mayUse(model: String) -> Bool { client?.scope.allows(model: model) ?? true }

    private func findObjection(to upstream: Upstream) -> PassedOver.Reason? {
        if let tag, !upstream.tags.contains(tag) { return .untagged }
        return client?.scope.objection(to: upstream.name, upstream.tags)
    }

    /// Whether it depends on its model what its client may do.
    @inline(__always)
    var isLimitedToModels: Bool { client?.scope.dependsOnModel ?? false }

    /// Whether its client may ask for its model. What names none is the endpoint's to judge; what cannot be read to its end could be any.
    private var mayUseModel: Bool {
        guard let client, client.scope.dependsOnModel, namesModel else { return true }
        // Servers differ in what they make of text that is not quite JSON.
        guard isReadable else { return false }
        readFacts()
        guard facts.isWhole, !facts.namesModelWithCapitals else { return false }
        return model.map { client.scope.allows(model: $0) } ?? true
    }

    // MARK: Its session

    /// A field of the head names it. Of several the one with the longest name counts: that is what one client alone sends.
    func noteSession(_ value: Range<Int>, nameLength: Int) {
        // `Session_id` before `X-Session-ID`.
        let weight = nameLength == 12 ? 0 : nameLength
        if let known = sessionField, known.weight >= weight { return }
        if !value.isEmpty { sessionField = (value, weight) }
    }

    var namesSessionInHead: Bool { sessionField != nil }

    /// Tells its session from others; nil where neither its head nor its body, as far as it is kept, names one. The body is read only
    /// where the head names none.
    var session: SessionKey? {
        guard let sessionField else {
            readFacts()
            return facts.session
        }
        return bytes.withUnsafeReadableBytes { SessionKey(field: $0.slice(sessionField.value)) }
    }

    // MARK: What endpoints have made

    private var madeIDPath: MadeIDPath {
        switch operation {
        case .inference(.responses), .other: bytes.withUnsafeReadableBytes { MadeIDPath($0.slice(pathRange)) }
        default: .none
        }
    }

    /// What its answer makes, where that can be asked for later.
    var makes: (Bool, isFile: Bool) {
        guard case .collection(let isFiles) = madeIDPath else { return (false, false) }
        return (bytes.withUnsafeReadableBytes { $0.begins(with: "POST") }, isFiles)
    }

    /// What its path names.
    var idInPath: MadeID? {
        guard case .item(let range) = madeIDPath else { return nil }
        let start = pathRange.lowerBound
        return bytes.withUnsafeReadableBytes { MadeID($0.slice(start + range.lowerBound..<start + range.upperBound)) }
    }

    /// Whether its body can name something that an endpoint has made, where files are known or not.
    func mayNameID(knowsFiles: Bool) -> Bool {
        switch operation {
        case .inference(.responses): true
        case .inference, .otherInference: knowsFiles
        case .other: knowsFiles && makes.0
        case .countTokens, .modelList, .embeddings: false
        }
    }

    /// The first endpoint that has made something which its body names.
    func owner(among ids: MadeIDs) -> EndpointID? {
        readFacts()
        if let id = facts.madeID, let owner = ids.owner(of: id) { return owner }
        guard ids.includeFiles else { return nil }
        var owner: EndpointID?
        var reader = FileReferenceReader()
        func take(_ id: MadeID) { if owner == nil { owner = ids.owner(of: id) } }
        forEachReadablePiece { piece in
            if owner == nil { reader.read(piece, onReference: take) }
        }
        return owner
    }

    // MARK: Its body

    /// Counts a piece of the body.
    ///
    /// - Returns: bytes of the body that are kept so far
    func bodyRead(_ count: Int) -> Int {
        bytesUp += count
        return keptBody
    }

    /// Keeps a piece of the body for the endpoints that may be asked later.
    func keepBody(
        _ piece: UnsafeRawBufferPointer, _ range: Range<Int>, of buffer: ByteBuffer, on loop: LoopContext
    ) {
        if replay.count == 0, inlineBodyLength + range.count <= Self.inlineBodyLimit {
            bytes.append(piece)
        } else if let slice = buffer.getSlice(at: buffer.readerIndex + range.lowerBound, length: range.count) {
            replay.append(slice)
            loop.shared.replayChanged(by: slice.readableBytes)
        }
    }

    /// No other endpoint will be sent the request. What stands behind the head stays: it costs nothing.
    func forgetBody(on loop: LoopContext) {
        if let plainBody {
            loop.shared.replayChanged(by: -plainBody.readableBytes)
            self.plainBody = nil
        }
        if let conversion { conversion.forget(on: loop) }
        if prepared != nil { prepared = nil }
        guard replay.count > 0 else { return }
        loop.shared.replayChanged(by: -replay.count)
        replay.removeAll()
    }

    /// The model that is asked for; nil where the body, as far as it is kept, names none.
    ///
    /// Read when it is asked for: only requests that meet a refusal, or an endpoint with a limited model, need it.
    var model: String? {
        readFacts()
        return facts.model
    }

    /// Whether a stream is asked for; nil where the body, as far as it is kept, says nothing.
    var wantsStream: Bool? {
        readFacts()
        return facts.wantsStream
    }

    /// Brings `facts` up to what there is of the body. They stay where they are, since several questions are asked of each request.
    @inline(__always)
    private func readFacts() {
        if facts.length == keptBody, coding.isNone || facts.isEnded == body.isComplete { return }
        readFactsAnew()
    }

    private func readFactsAnew() {
        var reader = RequestReader()
        var plainLength = 0
        let problem = forEachReadablePiece { piece in
            plainLength += piece.count
            reader.read(piece)
        }
        let isRead = problem == nil
        facts.length = keptBody
        facts.problem = problem
        facts.isEnded = body.isComplete
        facts.isWhole = reader.isWhole
        facts.plainLength = plainLength
        facts.model = isRead ? reader.model(knownAs: lastMapping?.asked) : nil
        facts.modelRange = isRead ? reader.modelRange : nil
        facts.namesModelWithCapitals = isRead && reader.namesModelWithCapitals
        facts.wantsStream = isRead ? reader.stream : nil
        facts.usageRequest = isRead ? reader.usageRequest : nil
        facts.session = isRead ? reader.session : nil
        facts.madeID = isRead ? reader.madeID : nil
    }

    /// What there is of the body, without its content coding. Of a body under one nothing is here before it is complete: what has come
    /// would have to be decoded again with each piece that follows.
    ///
    /// - Returns: why not all of it could be decoded
    @discardableResult
    private func forEachReadablePiece(_ body: (UnsafeRawBufferPointer) -> Void) -> RequestCoding.Problem? {
        if let plainBody {
            plainBody.withUnsafeReadableBytes(body)
            return nil
        }
        if coding.isNone {
            forEachKeptPiece(body)
            return nil
        }
        guard self.body.isComplete else { return nil }
        var decoding = RequestCoding.Decoding(coding, budget: decodedLimit)
        forEachKeptPiece { decoding.decode($0, body) }
        return decoding.finish()
    }

    private func forEachKeptPiece(_ body: (UnsafeRawBufferPointer) -> Void) {
        bytes.withUnsafeReadableBytes { body($0.slice(headLength..<$0.count)) }
        replay.forEachSegment { segment in segment.withUnsafeReadableBytes { body($0) } }
    }

    /// What there is of the body, without its content coding, in one piece.
    private func readableBody() -> ByteBuffer {
        if let plainBody { return plainBody }
        var whole = ByteBuffer()
        readFacts()
        whole.reserveCapacity(facts.plainLength)
        forEachReadablePiece { whole.append($0) }
        return whole
    }

    // MARK: Its model

    func noteCoding(_ value: UnsafeRawBufferPointer) { coding.note(value) }

    /// Whether its body is one that names a model.
    var namesModel: Bool {
        switch operation {
        case .inference, .otherInference, .countTokens, .embeddings: framing != .none
        case .modelList, .other: false
        }
    }

    /// All of its body is kept, and can be read.
    private var isReadable: Bool {
        guard body.isComplete, keptBody == bytesUp, keptBody <= RequestReader.limit else { return false }
        if coding.isNone { return true }
        readFacts()
        return facts.problem == nil
    }

    /// Whether the endpoint is asked for the request's model. What names none goes to any endpoint, which says what it thinks of it; what
    /// cannot be read to its end goes to none that differs by models, since it could be the wrong one.
    @inline(__always)
    func suits(_ upstream: Upstream) -> Bool {
        if isLimitedToModels, !mayUseModel { return false }
        guard let rules = upstream.modelRules else { return true }
        return isAllowed(by: rules)
    }

    /// Why the endpoint is passed over that it does not suit.
    var misfit: PassedOver.Reason { mayUseModel ? .modelNotServed : .modelNotAllowed }

    private func isAllowed(by rules: ModelRules) -> Bool {
        guard namesModel else { return true }
        guard isReadable else { return false }
        return model.map { rules.allows($0) } ?? true
    }

    /// What a client is told whose model no endpoint is asked for.
    var modelRefusal: LocalAnswer {
        readFacts()
        if !coding.isNone, keptBody == bytesUp, let problem = facts.problem { return problem.answer }
        guard isReadable else {
            return LocalAnswer(status: 413, message: "the body is too long to find out which model it asks for")
        }
        if isLimitedToModels, !facts.isWhole {
            return LocalAnswer(
                status: 400, message: "the body is not JSON to its end, so that it is not known which model it asks for"
            )
        }
        if isLimitedToModels, facts.namesModelWithCapitals {
            return LocalAnswer(
                status: 400,
                message: "the body names its model in capitals too, so that it is not known which one counts")
        }
        if let client, !mayUseModel {
            // No 403, which clients take for a wrong credential.
            return LocalAnswer(
                status: 404, message: "client '\(client.name)' may not use the model '\(model ?? "")'",
                errorCode: "model_not_found")
        }
        return LocalAnswer(
            status: 404,
            message:
                "no endpoint \(tag == nil && client == nil ? "here" : "that it may use") serves the model '\(model ?? "")'",
            errorCode: "model_not_found")
    }

    /// An endpoint has been chosen: its name for the model takes the place of the client's.
    ///
    /// - Parameter asksForUsage: its streams are to end with their usage
    /// - Returns: what the client is told where it cannot go there
    @inline(__always)
    func fit(to upstream: Upstream, asksForUsage: Bool, on loop: LoopContext) -> LocalAnswer? {
        if edits != nil { forgetEdits() }
        if let conversion {
            conversion.forget(on: loop)
            self.conversion = nil
        }
        if isConverted(at: upstream) { return convert(for: upstream, on: loop) }
        if repaired != nil { edits = BodyEdits(cutting: cuts) }
        if let rules = upstream.modelRules, namesModel { applyMap(of: rules, at: upstream) }
        if asksForUsage, mayAskForUsage { askForUsage() }
        if edits == nil || coding.isNone || plainBody != nil || decodeBody(on: loop) { return nil }
        return LocalAnswer(
            status: 503, message: "the body's content coding cannot be undone now: replay_memory is used up",
            retryAfter: 1)
    }

    // MARK: Endpoints of another API

    /// Whether the endpoint gets it in another API.
    @inline(__always)
    func isConverted(at upstream: Upstream) -> Bool { upstream.conversion != nil && isConvertible }

    private var isConvertible: Bool {
        if case .inference(let api) = operation { RequestConversion.converts(api) } else { false }
    }

    /// Where it goes at the endpoint; nil where that does not serve its API.
    @inline(__always)
    func url(at upstream: Upstream) -> UpstreamURL? {
        if isConverted(at: upstream) { return upstream.openAIURL }
        guard openAIAPI == nil || upstream.lacks != openAIAPI else { return nil }
        return upstream.url(for: api)
    }

    /// What the endpoint is asked for.
    @inline(__always)
    func operation(at upstream: Upstream) -> LLMOperation {
        isConverted(at: upstream) ? .inference(.chatCompletions) : operation
    }

    /// What the present endpoint is asked for.
    @inline(__always)
    var operationSent: LLMOperation { conversion == nil ? operation : .inference(.chatCompletions) }

    /// The name of the model that the present endpoint is sent, where it is not the client's.
    @inline(__always)
    var modelSent: String? { modelChange?.sent ?? conversion?.model }

    /// Whether it can be converted for the endpoint. It is kept for it.
    func prepareConversion(for upstream: Upstream, seed: UInt64) -> Bool {
        if prepared?.upstream === upstream { return true }
        guard isReadable else {
            readFacts()
            let problem = keptBody == bytesUp ? facts.problem?.answer : nil
            notConvertedFor.append(upstream.id)
            conversionRefusal =
                problem
                ?? LocalAnswer(status: 413, message: "the body is too long to be converted for the endpoint's API")
            return false
        }
        guard case .inference(let api) = operation, let options = upstream.conversion?.options else { return false }
        var name: String?
        if let rules = upstream.modelRules, let asked = model {
            modelAsked = asked
            let sent = rules.name(for: asked)
            if sent != asked { name = sent }
        }
        let converted = readableBody().withUnsafeReadableBytes { bytes in
            RequestConversion.result(
                bytes, of: api, model: name, options: options, seed: seed, time: Int64(WallClock.wholeSeconds))
        }
        switch converted {
        case .success(var request):
            if name != nil, upstream.modelRules?.restores == false { request.answer.restoresModel = false }
            prepared = ConvertedBody(request, for: upstream, model: name)
            return true
        case .failure(let refusal):
            notConvertedFor.append(upstream.id)
            conversionRefusal = refusal.answer
            return false
        }
    }

    private func convert(for upstream: Upstream, on loop: LoopContext) -> LocalAnswer? {
        guard prepareConversion(for: upstream, seed: serial), let body = prepared.take() else {
            return conversionRefusal
        }
        guard loop.shared.hasReplayRoom else {
            return LocalAnswer(
                status: 503, message: "the body cannot be converted now: replay_memory is used up", retryAfter: 1)
        }
        body.count(on: loop)
        conversion = body
        return nil
    }

    private func decodeBody(on loop: LoopContext) -> Bool {
        guard loop.shared.hasReplayRoom else { return false }
        // It was decoded before, so it can be again.
        let plain = readableBody()
        loop.shared.replayChanged(by: plain.readableBytes)
        plainBody = plain
        return true
    }

    private func forgetEdits() {
        if modelChange != nil { modelChange = nil }
        if edits != nil { edits = nil }
        asksForUsage = false
    }

    private func edit(_ range: Range<Int>, _ text: [UInt8]) {
        var edits = edits ?? BodyEdits()
        edits.add(range, text)
        self.edits = edits
    }

    // MARK: Its usage

    /// Its answer may be a stream that says what was used only where that was asked for. Where it is, that stands in the body, so that all
    /// of it has to be read before an endpoint is asked.
    var mayAskForUsage: Bool {
        operation == .inference(.chatCompletions) && openAIAPI == .chatCompletions && framing != .none && coding.isNone
    }

    private func askForUsage() {
        guard isReadable else { return }
        readFacts()
        guard let (range, text) = facts.usageRequest else { return }
        asksForUsage = true
        edit(range, Array(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)))
    }

    private func applyMap(of rules: ModelRules, at upstream: Upstream) {
        readFacts()
        guard let asked = facts.model, let range = facts.modelRange else { return }
        modelAsked = asked
        let mapping = mapping(of: asked, by: rules, at: upstream)
        guard mapping.name != asked else { return }
        modelChange = ModelChange(
            asked: asked, askedText: mapping.askedText, sent: mapping.name, isRestored: rules.restores)
        edit(range, mapping.text)
    }

    private func mapping(of asked: String, by rules: ModelRules, at upstream: Upstream) -> Mapping {
        if let lastMapping, lastMapping.upstream === upstream, lastMapping.asked == asked { return lastMapping }
        let name = rules.name(for: asked)
        let mapping = Mapping(
            upstream: upstream, asked: asked, name: name, askedText: ModelChange.written(asked),
            text: ModelChange.written(name))
        lastMapping = mapping
        return mapping
    }

    /// How the body is framed with what the endpoint is sent in place of the client's words.
    func framing(_ framing: BodyFraming) -> BodyFraming {
        if let conversion { return .length(conversion.bytes.readableBytes) }
        guard let edits, case .length(let length) = framing else { return framing }
        return .length((plainBody?.readableBytes ?? length) + edits.growth)
    }

    /// Bytes of the body as the endpoint gets it, as far as it is here.
    var sentLength: Int {
        if let conversion { return conversion.bytes.readableBytes }
        guard let edits else { return keptBody }
        return (plainBody?.readableBytes ?? keptBody) + edits.growth
    }

    // MARK: Its repair

    /// A conversation has some hundreds of blocks; the time that cuts take is not given to more of them.
    private static let mostCuts = 65_536

    /// Takes out of the body what its endpoint could not read, for this endpoint and for those that may follow. Done once for a request.
    ///
    /// - Returns: whether there was anything
    func repair(_ repair: RepairTable.Repair) -> Bool {
        guard repaired == nil, namesModel, isReadable else { return false }
        let found = readableBody().withUnsafeReadableBytes { RequestRepair.cuts(repair.kind, in: $0) }
        guard !found.isEmpty, found.count <= Self.mostCuts else { return false }
        cuts = found
        repaired = repair.row
        return true
    }

    // MARK: To the client

    /// Podium's own answer to it.
    func render(_ answer: LocalAnswer, closes: Bool) -> String {
        var answer = answer
        if let origin { answer.fields += bytes.withUnsafeReadableBytes { CrossOrigin.fields(for: $0.slice(origin)) } }
        return answer.render(
            api: api, requestID: requestIDText, closes: closes, minorVersion: minorVersion, omitsBody: isHEAD)
    }

    // MARK: To an endpoint

    /// Fills `loop.output` with the head that the endpoint gets.
    func writeHead(
        for target: Upstream, _ url: UpstreamURL, framing: BodyFraming, isForwarded: Bool, clientAddress: [UInt8],
        on loop: LoopContext
    ) {
        let linesForProxy = isForwarded ? target.proxyAuthorization(for: url) : nil
        let forwarded = ForwardedRequestHead(
            framing: framing, requestID: requestID, hops: hops,
            tokens: target.forwardsClientCredential ? admittedBy : nil,
            asksForPlainAnswer: asksForUsage || conversion != nil || modelChange?.isRestored ?? false,
            isDecoded: conversion != nil || edits != nil && plainBody != nil, isConverted: conversion != nil,
            linesForProxy: linesForProxy)
        let bound =
            ForwardedRequestHead.maximumLength(headLength: headLength, target, url, clientAddress: clientAddress)
            + inlineBodyLength
            + (linesForProxy.map { $0.count + url.authorityBytes.count + 16 } ?? 0)
        let limits = loop.shared.options.limits
        loop.output.clear()
        bytes.withUnsafeReadableBytes { all in
            let bytes = all.slice(0..<headLength)
            if loop.requestHeadOwner != serial {
                // Another request was parsed meanwhile. These bytes have been parsed before, so they parse again.
                guard (try? loop.requestHead.parse(bytes, limits: limits)) == headLength else { return }
                loop.requestHeadOwner = serial
            }
            loop.output.writeInPlace(atMost: bound) { output in
                var writer = WireWriter(output)
                forwarded.write(
                    &loop.requestHead, bytes, path: pathRange, for: target, url, clientAddress: clientAddress,
                    to: &writer)
                return writer.count
            }
        }
    }

    /// Writes the head from `loop.output` and what there is of the body.
    func writeKept(to connection: UpstreamConnection, inChunks: Bool, on loop: LoopContext) {
        if let conversion {
            connection.writeOutput(mayLeaveAtOnce: true)
            return connection.writeBody(conversion.bytes, inChunks: inChunks)
        }
        if let edits { return writeKept(to: connection, inChunks: inChunks, with: edits, on: loop) }
        let inline = inlineBodyLength
        if inline > 0 {
            if inChunks { loop.output.writeChunkSize(inline) }
            bytes.withUnsafeReadableBytes { all in loop.output.append(all.slice(headLength..<all.count)) }
            if inChunks { loop.output.writeStaticString("\r\n") }
        }
        connection.writeOutput(mayLeaveAtOnce: true)
        replay.forEachSegment { connection.writeBody($0, inChunks: inChunks) }
    }

    /// The same with other words in some places: what stands between them goes out from where it lies.
    private func writeKept(
        to connection: UpstreamConnection, inChunks: Bool, with edits: BodyEdits, on loop: LoopContext
    ) {
        if let plainBody {
            connection.writeOutput(mayLeaveAtOnce: true)
            return edits.write(plainBody, from: 0, to: connection, inChunks: inChunks)
        }
        var place = inlineBodyLength
        if place > 0 {
            if inChunks { loop.output.writeChunkSize(edits.length(of: 0..<place)) }
            bytes.withUnsafeReadableBytes { all in
                let inline = all.slice(headLength..<all.count)
                edits.forEachPart(of: 0..<place) { part in
                    switch part {
                    case .text(let text): loop.output.writeBytes(text)
                    case .kept(let range): loop.output.append(inline.slice(range))
                    }
                }
            }
            if inChunks { loop.output.writeStaticString("\r\n") }
        }
        connection.writeOutput(mayLeaveAtOnce: true)
        replay.forEachSegment { piece in
            edits.write(piece, from: place, to: connection, inChunks: inChunks)
            place += piece.readableBytes
        }
    }
}
