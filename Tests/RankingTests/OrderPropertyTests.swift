@testable import Ranking
import TestSupport
import Testing

/// Random histories of all kinds of events; after each, the order is held against what design and arithmetic say.
@Suite struct OrderPropertyTests {
    /// Ten thousand histories in blocks, so that a failure names a block to repeat.
    @Test(arguments: 0..<20) func everyHistoryKeepsTheRules(block: UInt64) {
        for seed in block * 500..<block * 500 + 500 {
            var history = RandomHistory(seed: seed)
            for _ in 0..<12 {
                if let broken = history.step() {
                    Issue.record("seed \(seed), step \(history.steps): \(broken)")
                    return
                }
            }
        }
    }
}

private struct RandomHistory {
    var generator: SeededRandom
    var ranking: EndpointRanking
    var now = 0.0
    var steps = 0
    var nextID: UInt32

    init(seed: UInt64) {
        generator = SeededRandom(seed: seed)
        var settings = EndpointRanking.Settings()
        settings.minDwell = .seconds(Int.random(in: 0...4, using: &generator) * 3)
        settings.declinedLongest = .seconds(Int.random(in: 0...10, using: &generator))
        settings.declinedInARow = 4
        settings.hysteresis = [0, 0.15, 0.5].randomElement(using: &generator) ?? 0
        nextID = UInt32.random(in: 2...7, using: &generator)
        var endpoints: [EndpointRanking.Endpoint] = []
        for id in 0..<nextID {
            endpoints.append(
                .init(
                    id: EndpointID(id), priority: Int.random(in: 0...9, using: &generator),
                    isEnabled: Int.random(in: 0..<6, using: &generator) > 0,
                    isPinned: Int.random(in: 0..<6, using: &generator) == 0))
        }
        ranking = EndpointRanking(
            settings: settings, endpoints: endpoints, autoSort: Int.random(in: 0..<8, using: &generator) > 0,
            now: start)
    }

    /// Lets something happen; says what is wrong afterwards.
    mutating func step() -> String? {
        steps += 1
        now += [0, 0.5, 4, 15, 100].randomElement(using: &generator) ?? 0
        let beforeAdvance = ranking
        let advanced = ranking.advance(now: at(now))
        if let broken = compareWithFullSort(beforeAdvance, ranking, "advance") { return broken }
        if (beforeAdvance.order != ranking.order) != advanced.orderChanged { return "orderChanged after advance" }

        let before = ranking
        let isOutcome = Int.random(in: 0..<10, using: &generator) < 7
        let update = isOutcome ? recordSomething() : operateSomething()
        if isOutcome {
            if let broken = compareWithFullSort(before, ranking, "record") { return broken }
            if let broken = cooldownsShortened(before) { return broken }
            if let broken = swappedTooEarly(before) { return broken }
        } else if stirred(ranking, at: now) != ranking.free.map(\.slot) {
            return "an operator's action left the order unsettled"
        }
        if (before.order != ranking.order) != update.orderChanged { return "orderChanged" }
        if update.candidatesChanged != (ranking.revision != before.revision) { return "revision" }
        return brokenInvariant()
    }

    private mutating func recordSomething() -> RankingUpdate {
        let id = EndpointID(UInt32.random(in: 0..<nextID, using: &generator))
        let outcome: AttemptOutcome =
            switch Int.random(in: 0..<12, using: &generator) {
            case 0: .rateLimited(retryAfter: .seconds(Int.random(in: 0...20, using: &generator)))
            case 1, 2, 3: .failure(Bool.random(using: &generator) ? .connect : .status(500))
            case 4: Bool.random(using: &generator) ? .misconfigured(status: 403) : .neutral
            case 5, 6: .declined(status: 404)
            case 7, 8: .timedOut(timeOut())
            default: .success(sample())
            }
        let source: AttemptSource = Int.random(in: 0..<5, using: &generator) == 0 ? .probe : .traffic
        let random = generator.next()
        return ranking.record(outcome, for: id, source: source, now: at(now)) { random }
    }

    private mutating func sample() -> ResponseSample {
        ResponseSample(
            .milliseconds(Int.random(in: 1...400, using: &generator)),
            kind: Int.random(in: 0..<4, using: &generator) == 0 ? .whole : .stream,
            model: UInt32.random(in: 0...2, using: &generator))
    }

    private mutating func timeOut() -> TimeOutRequest {
        let model = [nil, "a", "b"].randomElement(using: &generator) ?? nil
        return TimeOutRequest(
            cause: TimeOutCause.allCases.randomElement(using: &generator) ?? .quota, status: 402,
            first: .seconds(Int.random(in: 0...20, using: &generator)), limit: .seconds(20),
            model: model.map { ModelReference($0) })
    }

    private mutating func operateSomething() -> RankingUpdate {
        let id = EndpointID(UInt32.random(in: 0..<nextID, using: &generator))
        let flag = Bool.random(using: &generator)
        let now = at(self.now)
        switch Int.random(in: 0..<9, using: &generator) {
        case 0: return ranking.move(id, toRank: Int.random(in: -1...9, using: &generator), now: now)
        case 1: return ranking.setPinned(flag, for: id, now: now)
        case 2: return ranking.setEnabled(flag, for: id, now: now)
        case 3: return ranking.credentialChanged(for: id, now: now)
        case 4: return ranking.sortNow(now: now)
        case 5: return ranking.setAutoSort(flag, now: now)
        case 6: return ranking.remove(id, now: now)
        case 7:
            nextID += 1
            return ranking.add(
                .init(id: EndpointID(nextID - 1), priority: Int.random(in: 1...5, using: &generator), isPinned: flag),
                now: now)
        default: return ranking.reorder(ranking.order.shuffled(using: &generator), now: now)
        }
    }

    // MARK: What has to hold

    /// The free endpoints in the order that passing neighbours, picked at random anywhere in the list, ends in.
    private mutating func stirred(_ ranking: EndpointRanking, from slots: [Int]? = nil, at now: Double) -> [Int] {
        var slots = slots ?? ranking.free.map(\.slot)
        while true {
            let passable = slots.indices.dropFirst().filter { mayPass(slots[$0], slots[$0 - 1], ranking, at: now) }
            guard let index = passable.randomElement(using: &generator) else { return slots }
            slots.swapAt(index, index - 1)
        }
    }

    private func mayPass(_ challenger: Int, _ holder: Int, _ ranking: EndpointRanking, at now: Double) -> Bool {
        let (left, right) = (rankClass(challenger, ranking), rankClass(holder, ranking))
        if left != right { return left < right }
        return left == 0 && ranking.isAutoSorting && hasMargin(challenger, holder, ranking)
            && hasDwelt(holder, ranking, at: now)
    }

    private func rankClass(_ slot: Int, _ ranking: EndpointRanking) -> Int {
        let kind = ranking.endpoints[slot].availability(at: ranking.moment(at(now))).kind
        if kind == .disabled { return 2 }
        return ranking.isAutoSorting && kind != .available ? 1 : 0
    }

    private func hasMargin(_ challenger: Int, _ holder: Int, _ ranking: EndpointRanking) -> Bool {
        let (isDoubted, holderIsDoubted) = (
            ranking.endpoints[challenger].isDoubted, ranking.endpoints[holder].isDoubted
        )
        if isDoubted || holderIsDoubted { return !isDoubted }
        let fast = ranking.endpoints[challenger].response[ranking.comparedKind]
        guard let fastTime = time(challenger, ranking), let slowTime = time(holder, ranking) else { return false }
        let settings = ranking.settings
        let margin =
            fast.samples == 0
            ? max(settings.presumedHysteresis, settings.hysteresis)
            : fast.isIdle ? min(2 * settings.hysteresis, 0.9) : settings.hysteresis
        return (fastTime * 1e6).rounded(.down) < (slowTime * 1e6).rounded(.down) * (1 - margin)
    }

    /// What never succeeded and is not simply untried counts as slower than anything.
    private func time(_ slot: Int, _ ranking: EndpointRanking) -> Double? {
        let endpoint = ranking.endpoints[slot]
        let response = endpoint.response[ranking.comparedKind]
        if response.samples == 0, endpoint.isUnproved { return nil }
        let isUntried = endpoint.availability(at: ranking.moment(at(now))).kind == .available
        return response.value.map { response.samples > 0 || isUntried ? $0 : 1_000 }
    }

    private func hasDwelt(_ holder: Int, _ ranking: EndpointRanking, at now: Double) -> Bool {
        ranking.endpoints[holder].heldSince + ranking.settings.minDwell <= ranking.moment(at(now))
    }

    private mutating func compareWithFullSort(
        _ before: EndpointRanking, _ after: EndpointRanking, _ what: String
    ) -> String? {
        // New times and available, but the old order and the old dwell.
        var reference = after
        for slot in reference.endpoints.indices where slot < before.endpoints.count {
            reference.endpoints[slot].heldSince = before.endpoints[slot].heldSince
        }
        let expected = stirred(reference, from: before.free.map(\.slot), at: now)
        let actual = after.free.map(\.slot)
        return expected == actual ? nil : "after \(what): \(actual), a full sort gives \(expected)"
    }

    private func swappedTooEarly(_ before: EndpointRanking) -> String? {
        let (old, new) = (before.free.map(\.slot), ranking.free.map(\.slot))
        for (index, winner) in new.enumerated() {
            for loser in new[(index + 1)...] {
                guard let wasAbove = old.firstIndex(of: loser), let wasBelow = old.firstIndex(of: winner),
                    wasAbove < wasBelow, rankClass(winner, ranking) == rankClass(loser, ranking)
                else { continue }
                if rankClass(winner, ranking) == 1 { return "\(winner) passed \(loser) while both were down" }
                if !hasMargin(winner, loser, ranking) || !hasDwelt(loser, before, at: now) {
                    return "\(winner) passed \(loser) without margin or dwell"
                }
            }
        }
        return nil
    }

    private func cooldownsShortened(_ before: EndpointRanking) -> String? {
        for id in before.order {
            guard let old = before.availability(of: id, now: at(now))?.recovery else { continue }
            guard let new = ranking.availability(of: id, now: at(now))?.recovery, new >= old else {
                return "the cooldown of \(id) was shortened"
            }
        }
        return nil
    }

    private mutating func brokenInvariant() -> String? {
        let order = ranking.order
        let known = (0..<nextID).map { EndpointID($0) }.filter { ranking.slotByID[$0] != nil }
        if order.sorted() != known { return "no permutation" }
        if order.enumerated().contains(where: { ranking.rank(of: $1) != $0 + 1 }) { return "rank(of:) disagrees" }
        let slots = ranking.orderedSlots
        let classes = slots.map { rankClass($0, ranking) }
        if let firstDisabled = classes.firstIndex(of: 2), classes[firstDisabled...].contains(where: { $0 != 2 }) {
            return "a disabled endpoint is not last"
        }
        let freeClasses = ranking.free.map { rankClass($0.slot, ranking) }
        if freeClasses != freeClasses.sorted() {
            return "a free endpoint that cannot be used stands above one that can"
        }
        for slot in slots where ranking.endpoints[slot].holdsPinnedRank {
            let wanted = ranking.endpoints[slot].pinnedRank ?? 0
            let crowded = slots.count { ranking.endpoints[$0].holdsPinnedRank } > 1
            let enabled = classes.count { $0 != 2 }
            if !crowded, ranking.rank(ofSlot: slot) != min(wanted, enabled) { return "a pinned endpoint moved" }
        }
        if let broken = brokenCandidates(order) { return broken }
        var again = ranking
        if again.advance(now: at(now)) != .unchanged || again.order != order { return "not idempotent" }
        return nil
    }

    /// The usable endpoints in order, but those on probation that would pass the leader directly before it.
    private func brokenCandidates(_ order: [EndpointID]) -> String? {
        func slot(_ id: EndpointID) -> Int { ranking.slotByID[id] ?? 0 }
        let moment = ranking.moment(at(now))
        let usable = order.filter { ranking.endpoints[slot($0)].availability(at: moment).kind.isUsable }
        let waiting = usable.filter {
            ranking.endpoints[slot($0)].availability(at: moment).kind == .halfOpen
                && !ranking.endpoints[slot($0)].holdsPinnedRank
        }
        let offered = waiting.filter { ranking.endpoints[slot($0)].isOffered }
        if order.contains(where: { ranking.endpoints[slot($0)].isOffered && !offered.contains($0) }) {
            return "asked before the leader without a trial"
        }
        guard ranking.isAutoSorting, let leader = ranking.free.first, rankClass(leader.slot, ranking) == 0,
            ranking.endpoints[leader.slot].isDoubted || time(leader.slot, ranking) != nil
        else {
            return ranking.candidates(now: at(now)).map(\.endpoint) == usable ? nil : "candidates are not in order"
        }
        for id in waiting where !offered.contains(id) && hasMargin(slot(id), leader.slot, ranking) {
            if hasDwelt(leader.slot, ranking, at: now) { return "no trial for \(id), which would pass the leader" }
        }
        let expected = usable.flatMap { id in
            slot(id) == leader.slot ? offered + [id] : offered.contains(id) ? [] : [id]
        }
        return ranking.candidates(now: at(now)).map(\.endpoint) == expected ? nil : "candidates are not in order"
    }
}

/// What finds an endpoint's record, when endpoints come and go for ever.
struct SlotIndexTests {
    @Test func takesNoMoreMemoryThanTheEndpointsThatAreThere() {
        var index = SlotIndex()
        index[EndpointID(0)] = 0
        for raw in stride(from: 1, to: SlotIndex.denseLimit + 5_000, by: 1_009) {
            index[EndpointID(raw)] = 1
            #expect(index[EndpointID(raw)] == 1)
            index[EndpointID(raw)] = nil
            #expect(index[EndpointID(raw)] == nil)
            #expect(index.footprint == 1)
        }
        #expect(index[EndpointID(0)] == 0)
        index[EndpointID(9)] = nil
        index[EndpointID(0)] = nil
        #expect(index.footprint == 0)
    }
}
