internal import LLMWire
internal import NIOCore
internal import Ranking

/// Why a request asked another endpoint first than the first of the order.
public enum RouteReason: String, Sendable, CaseIterable {
    /// It did not.
    case order
    /// Its session has its cache there.
    case session
    /// A stream of its session from the endpoint that stands before had just broken.
    case brokenStream = "broken_stream"
    /// It goes on with something that endpoint has made: a response, a file, a batch.
    case madeID = "made_id"
    /// That endpoint was not measured lately, and its session is new.
    case explored
}

/// Which endpoint one request asks first, where that is not simply the first of the order, and which one it asks last.
///
/// Nearly all requests go by the order: what they pay here is a look at one number that all event loops share. It is a wish:
/// `Failover` goes through the routing table as ever, with one place taken out of its turn.
struct FirstEndpoint {
    private(set) var reason = RouteReason.order
    /// The endpoint to ask before the others.
    private(set) var preferred: EndpointID?
    /// The one to ask behind all others.
    private(set) var avoided: EndpointID?
    /// `preferred` has had its turn.
    private(set) var isTaken = false
    private var isDecided = false
    /// It was asked whether the request is to look at another endpoint.
    private var isDrawn = false
    private var isLook = false

    /// Whether the order is gone through as it stands.
    @inline(__always)
    var isPlain: Bool { preferred == nil && avoided == nil }

    /// Decides for a request that has not asked any endpoint yet. Once it has, nothing changes.
    ///
    /// - Parameter bodyMayCome: not all of the body is here, and there is room for the rest
    /// - Returns: false where the body has to be waited for, which names the session
    @inline(__always)
    mutating func decide(
        _ table: RoutingTable, _ request: CurrentRequest, bodyMayCome: Bool, on loop: LoopContext
    ) -> Bool {
        guard !isDecided, table.candidates.count > 1 else { return true }
        if !loop.shared.madeIDs.areEmpty, !followID(table, request, bodyMayCome: bodyMayCome, on: loop) { return false }
        guard !isDecided, request.operation.isInference else {
            isDecided = true
            return true
        }
        if !isDrawn {
            isDrawn = true
            isLook = loop.takesTurnToLook()
        }
        guard isLook || loop.shared.sessions.mayDiffer(from: table.candidates[0].upstream.id) else {
            isDecided = true
            return true
        }
        return askSessions(table, request, bodyMayCome: bodyMayCome, on: loop)
    }

    /// - Returns: false where the body has to be waited for
    private mutating func followID(
        _ table: RoutingTable, _ request: CurrentRequest, bodyMayCome: Bool, on loop: LoopContext
    ) -> Bool {
        let ids = loop.shared.madeIDs
        var owner = request.idInPath.flatMap { ids.owner(of: $0) }
        if owner == nil, request.mayNameID(knowsFiles: ids.includeFiles) {
            if bodyMayCome { return false }
            owner = request.owner(among: ids)
        }
        guard let owner, let place = table.place(of: owner), table.canServe(request, at: place, onTrial: true) else {
            return true
        }
        isDecided = true
        guard place > 0 else { return true }
        preferred = owner
        reason = .madeID
        return true
    }

    private mutating func askSessions(
        _ table: RoutingTable, _ request: CurrentRequest, bodyMayCome: Bool, on loop: LoopContext
    ) -> Bool {
        let look = isLook ? unmeasured(table, request) : nil
        guard look != nil || loop.shared.sessions.mayDiffer(from: table.candidates[0].upstream.id) else {
            isDecided = true
            return true
        }
        let key = request.session
        if key == nil, bodyMayCome, !loop.shared.sessions.areEmpty { return false }
        isDecided = true
        let rules = loop.routing.sessions
        guard let key, let found = loop.shared.sessions.find(key, now: request.started, rules) else {
            if let look {
                preferred = look.id
                reason = .explored
                look.load.measured(at: request.started)
            }
            return true
        }
        if let broken = found.broken {
            let able = table.candidates.indices.filter { table.canServe(request, at: $0) }
            if able.contains(where: { table.candidates[$0].upstream.id != broken }) { avoided = broken }
            if avoided != nil, table.candidates[able[0]].upstream.id == broken { reason = .brokenStream }
        }
        guard rules.isSticky, let home = found.home, home.endpoint != avoided, stays(home, table, request) else {
            return true
        }
        preferred = home.endpoint
        if reason == .order { reason = .session }
        return true
    }

    /// The endpoint to look at: one that could do better than the first and was not measured lately. Where the operator has put the first one
    /// there, no time changes that.
    private func unmeasured(_ table: RoutingTable, _ request: CurrentRequest) -> Upstream? {
        guard !table.candidates[0].isPinned else { return nil }
        let others = table.candidates.indices.dropFirst().filter {
            !table.candidates[$0].isPinned && table.canServe(request, at: $0)
                && !request.isConverted(at: table.candidates[$0].upstream)
        }
        let ages = others.map { table.candidates[$0].upstream.load.sinceMeasured(now: request.started) }
        return Exploration.choice(among: ages).map { table.candidates[others[$0]].upstream }
    }

    /// Its turn came, and it could not be asked: the request goes on by the order.
    mutating func passedOver(_ endpoint: EndpointID) {
        if endpoint == preferred { reason = .order }
    }

    /// Whether the endpoint is asked only to see how fast it is.
    @inline(__always)
    func looks(at endpoint: EndpointID) -> Bool { reason == .explored && endpoint == preferred }

    /// Whether a session that has its cache at `home` stays there.
    private func stays(_ home: SessionTable.Home, _ table: RoutingTable, _ request: CurrentRequest) -> Bool {
        guard home.order == table.operatorOrder, let place = table.place(of: home.endpoint), place > 0 else {
            return false
        }
        return !table.candidates[..<place].contains { $0.isPinned } && table.canServe(request, at: place)
    }

    /// - Returns: the preferred endpoint's place in the table, the first time that it is asked for
    mutating func take(from table: RoutingTable, for request: CurrentRequest) -> Int? {
        guard !isTaken, let preferred, let place = table.place(of: preferred),
            table.canServe(request, at: place, onTrial: reason == .madeID)
        else { return nil }
        isTaken = true
        return place
    }

    /// It was not asked after all, as the body has to come first.
    mutating func putBack(_ endpoint: EndpointID) -> Bool {
        guard isTaken, endpoint == preferred else { return false }
        isTaken = false
        return true
    }

    /// The request looks for an endpoint once more: each of them has another turn.
    mutating func renew() {
        isTaken = false
    }

    /// Whether the endpoint has had its turn before it came to it in the order.
    @inline(__always)
    func hasTaken(_ endpoint: EndpointID) -> Bool { isTaken && endpoint == preferred }
}

extension RoutingTable {
    func place(of endpoint: EndpointID) -> Int? { candidates.firstIndex { $0.upstream.id == endpoint } }

    /// Whether the candidate is in use and has what the request asks for, as far as that is known.
    ///
    /// - Parameter onTrial: also where it is half-open
    func canServe(_ request: CurrentRequest, at place: Int, onTrial: Bool = false) -> Bool {
        let candidate = candidates[place]
        let upstream = candidate.upstream
        guard candidate.gate == .open || onTrial, request.url(at: upstream) != nil, request.mayUse(upstream),
            !upstream.unknownPaths.contain(request.operation(at: upstream), now: request.started),
            !(hasModelRules || request.isLimitedToModels) || request.suits(upstream)
        else { return false }
        guard !candidate.limitedModels.isEmpty, let model = request.model, let limit = candidate.limit(on: model) else {
            return true
        }
        return limit.until <= ContinuousClock.now
    }
}
