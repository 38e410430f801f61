@testable import Cluster
import PureSupport

extension SplitMix64 {
    fileprivate mutating func chance(_ probability: Double) -> Bool {
        Double.random(in: 0..<1, using: &self) < probability
    }

    fileprivate mutating func pick(_ count: Int) -> Int { Int.random(in: 0..<count, using: &self) }
}

/// Mistakes that are planted to see that the checks find them.
enum PlantedMistake: String, CaseIterable {
    case none, noReoffer, blindAppend, clearIsAnEnd, recordAfterFile, recordBeforeFileOnly, increments,
        unknownIsFailure, wallClock, pushOnly, newIDOnRetry, deltaWithoutLogMatch
}

struct HistoryFailure: Error { var text: String }

struct SimulatedStore {
    var isUp = true
    var genesis: IntentState
    var log: [LogEntry] = []
    var state: IntentState
    var timeouts = TimeOutBook()
    var counters = CounterBook()
    var past: [(log: Int, state: IntentState, timeouts: TimeOutBook, counters: CounterBook)] = []
    var head: IntentReplica.Head { IntentReplica.Head(revision: log.count, nonce: log.last?.nonce ?? "genesis") }
    var timeline = 0
    mutating func keep() {
        past.append((log.count, state, timeouts, counters)); if past.count > 40 { past.removeFirst() }
    }
    mutating func failover(losing k: Int) {
        guard past.count > k else { return }
        let p = past[past.count - 1 - k]
        log.removeLast(log.count - p.log); state = p.state; timeouts = p.timeouts; counters = p.counters;
        past.removeLast(k); timeline += 1
    }
}

enum SimulatedPush { case entries, timeout(TimeOutBook.Key, TimeOutObservation) }

struct SimulatedInstance {
    let number: Int
    var isUp = true, isReachable = true, isJoined = false
    var replica: IntentReplica
    var book = TimeOutBook()
    var counters = CounterBook()
    var boot: String
    // disk
    var file: IntentState
    var record: HostRecord
    var recordBook = TimeOutBook()
    // memory
    var written: IntentState
    var inbox: [SimulatedPush] = []
    var maybeSent: Set<String> = []
    // clocks
    let monoOffset: Int64, drift: Double, wallSkew: Int64
    var storeMinusMono: Double?
    var storeMinusWall: Double?  // kept on disk
    var syncedAt: Int64 = 0, syncError: Double = 0
    var name: String { "i\(number)" }
}

struct HistoryStatistics {
    var acked = 0, refused = 0, conflicts = 0, reoffered = 0, entries = 0, hand = 0, stale = 0, slipped = 0,
        crashes = 0, failovers = 0, lostByFailover = 0, partitions = 0, clears = 0, unknown = 0, midWrite = 0
    ; var clockError = 0.0, clockBound = 0.0; var rounds = 0, quiet = 0
}

/// Three to five instances and their store, with all that can go wrong between them, in virtual time and from one seed.
///
/// Every call may get lost on its way there or back, every instance may crash between any two steps, and the store may fail over to
/// a replica that lacks its last writes. `run` throws `HistoryFailure` where a promise of the cluster is broken.
final class ClusterWorld {
    var r: SplitMix64
    let bug: PlantedMistake
    var store: SimulatedStore
    var a: [SimulatedInstance] = []
    var clock: Int64 = 1_800_000_000_000
    var serial = 0
    var calm = false
    var acked: [String: IntentEdit] = [:]
    var wanted: [String: Set<IntentChange>] = [:]  // by edit: what its author typed, as set(old: nil)
    /// What the checks alone know: which clears of a key an instance has learned of, and which the observer of a time out knew.
    lazy var learned: [[TimeOutBook.Key: Set<String>]] = Array(repeating: [:], count: a.count)
    lazy var learnedOnDisk: [[TimeOutBook.Key: Set<String>]] = Array(repeating: [:], count: a.count)
    var knew: [String: Set<String>] = [:]
    var observations: [(key: TimeOutBook.Key, until: Int64, cause: String)] = []
    /// A clear of a whole endpoint is one of each of its models.
    static func keys(_ endpoint: String, _ model: String) -> [TimeOutBook.Key] {
        model.isEmpty ? [.init(endpoint, ""), .init(endpoint, "m")] : [.init(endpoint, model)]
    }
    func learn(_ i: Int, _ edits: [IntentEdit]) {
        for e in edits {
            for case .clear(let p, let m) in e.changes {
                for key in Self.keys(p, m) { learned[i][key, default: []].insert(e.id) }
            }
        }
    }
    /// The log told an instance of these.
    func note(_ i: Int, _ entries: [LogEntry]) {
        learn(i, entries.map(\.edit))
        for e in entries { for case .clear(let p, let m) in e.effective { clearHere(i, .init(p, m), e.edit.id) } }
    }
    func clearHere(_ i: Int, _ key: TimeOutBook.Key, _ edit: String) {
        // As a planted mistake, a clear is an end that has passed, told like others.
        if bug == .clearIsAnEnd {
            a[i].book.merge(key, TimeOutObservation(id: edit, until: 0, cause: "cleared", instance: "", knows: []))
        } else {
            a[i].book.clear(key, by: edit)
        }
    }
    var statistics = HistoryStatistics()
    var fileVersions: [[IntentState]]
    var bootTotals: [CounterBook.Row: Int] = [:], bootFlushed: [CounterBook.Row: Int] = [:], deadBoots: Set<String> = []
    var hasRewound = false
    var trace: ((String) -> Void)?

    let isKind: Bool  // no crash, no failover
    init(seed: UInt64, instances: Int, bug: PlantedMistake, isKind: Bool) {
        self.isKind = isKind
        r = SplitMix64(seed: seed); self.bug = bug
        var genesis = IntentState()
        genesis.endpoints[""] = ["auto": "on"]
        for k in 0..<3 { genesis.endpoints["g\(k)"] = ["name": "n\(k)", "url": "u", "enabled": "a", "pin": "a"] }
        store = SimulatedStore(genesis: genesis, state: genesis)
        fileVersions = Array(repeating: [genesis], count: instances)
        for k in 0..<instances {
            let replica = IntentReplica(head: .init(revision: 0, nonce: "genesis"), base: genesis)
            a.append(
                SimulatedInstance(
                    number: k, replica: replica, boot: "b\(k).0", file: genesis,
                    record: HostRecord(replica: replica, before: genesis, after: genesis), written: genesis,
                    monoOffset: Int64.random(in: -1_000_000_000...1_000_000_000, using: &r),
                    drift: Double.random(in: -2e-4...2e-4, using: &r),
                    wallSkew: Int64.random(in: -7_200_000...7_200_000, using: &r)))
        }
        store.keep()
    }
    func id(_ p: String) -> String { serial += 1; return "\(p)\(serial)" }
    func mono(_ i: Int) -> Double { Double(clock) * (1 + a[i].drift) + Double(a[i].monoOffset) }
    func wall(_ i: Int) -> Double { Double(clock + a[i].wallSkew) }
    /// The instance's idea of the store's time.
    func storeTime(_ i: Int) -> Int64 {
        if bug == .wallClock { return Int64(wall(i)) }
        if let d = a[i].storeMinusMono { return Int64(mono(i) + d) }
        return Int64(wall(i) + (a[i].storeMinusWall ?? 0))
    }

    // MARK: The store, by way of a network

    /// nil: lost on the way there (nothing happened) or back (it did).
    func call<T>(_ i: Int, _ body: (inout SimulatedStore) -> T) -> T? {
        guard a[i].isReachable, store.isUp, calm || !r.chance(0.03) else { a[i].isJoined = false; return nil }
        let before = clock; let rtt = Int64(r.pick(20)); clock += rtt / 2
        let result = body(&store)
        let there = clock; clock += rtt - rtt / 2
        if !calm, r.chance(0.03) { a[i].isJoined = false; statistics.unknown += 1; return nil }
        // Every answer carries the store's time.
        let estimate = Double(there) - (Double(before + clock) / 2 * (1 + a[i].drift) + Double(a[i].monoOffset))
        a[i].storeMinusMono = estimate;
        a[i].storeMinusWall = Double(there) - (Double(before + clock) / 2 + Double(a[i].wallSkew));
        a[i].syncedAt = clock; a[i].syncError = Double(rtt) / 2
        return result
    }
    func notify(from i: Int, _ push: SimulatedPush) {
        for k in a.indices where k != i && a[k].isUp && a[k].isJoined && a[k].isReachable {
            if calm || !r.chance(0.05) { a[k].inbox.append(push) }
        }
    }

    func join(_ i: Int) {
        let tailIDs = a[i].replica.tail.map { ($0.revision, $0.edit.id) },
            tailNonces = a[i].replica.tail.map { ($0.revision, $0.nonce) },
            pendingIDs = Set(a[i].replica.pending.map(\.id)), headOld = a[i].replica.head
        let offers = bug != .noReoffer
        guard
            let (picture, timeouts) = call(
                i,
                { store -> (IntentReplica.Picture, TimeOutBook) in
                    let ids = Dictionary(uniqueKeysWithValues: store.log.map { ($0.edit.id, $0.revision) })
                    let nonces = Set(store.log.map(\.nonce))
                    var common =
                        tailNonces.last { nonces.contains($0.1) }?.0
                    if tailIDs.isEmpty { common = 0 }
                    if self.bug == .deltaWithoutLogMatch { common = min(headOld.revision, store.log.count) }
                    return (
                        IntentReplica.Picture(
                            head: store.head, state: store.state, common: common,
                            since: Array(store.log.suffix(from: min(common ?? 0, store.log.count))),
                            known: Set(ids.keys).intersection(pendingIDs).union(
                                Set(ids.keys).intersection(tailIDs.map(\.1)))), store.timeouts
                    )
                })
        else { return }
        a[i].isJoined = true; a[i].inbox = []
        let again = a[i].replica.join(picture, reoffers: offers && bug != .deltaWithoutLogMatch), n = again.count
        statistics.reoffered += n
        note(i, picture.since)
        trace?(
            "\(a[i].name) joined at \(a[i].replica.head.revision), common \(picture.common ?? -1), offers \(n) again, pending \(a[i].replica.pending.map(\.id)), tail was \(tailIDs.suffix(6)), since \(picture.since.map(\.edit.id)) known \(picture.known.sorted())"
        )
        for (key, list) in timeouts.observations { for o in list { merge(i, key, o) } }
        a[i].book.offerAll()
    }
    func poll(_ i: Int) {
        let from = a[i].replica.head
        guard let entries = call(i, { store in Array(store.log.suffix(from: min(from.revision, store.log.count))) })
        else { return }
        if a[i].replica.receive(entries) { note(i, entries) } else { a[i].isJoined = false }
    }
    enum Sent { case done, refused, unknown }
    /// Appends what is pending. `interactive` is dropped when it meets a conflict and was surely never in the store.
    @discardableResult
    func drain(_ i: Int, interactive: String? = nil) throws -> Sent {
        var rounds = 0
        while a[i].isJoined,
            let (entry, after) = a[i].replica.next(
                nonce: id("n"))
        {
            rounds += 1; if rounds > 200 { throw HistoryFailure(text: "drain does not end") }
            if entry.edit.id == interactive, !a[i].maybeSent.contains(entry.edit.id), !entry.conflicts.isEmpty {
                a[i].replica.drop(entry.edit.id); a[i].book.drop(clear: entry.edit.id); return .refused
            }
            a[i].maybeSent.insert(entry.edit.id)
            let bug = self.bug
            let answer: Int?? = call(i) { store -> Int? in
                if bug == .blindAppend {
                    var e = entry; e.revision = store.log.count + 1
                    for c in e.edit.changes {
                        if case .set(let id, let f, _, let new) = c, store.state.endpoints[id] != nil {
                            store.state.endpoints[id]?[f] = new
                        } else {
                            _ = store.state.apply([c])
                        }
                    }
                    e.effective = e.edit.changes; e.conflicts = []; e.already = []
                    store.log.append(e); store.keep(); return e.revision
                }
                guard store.head == after, !store.log.contains(where: { $0.edit.id == entry.edit.id }) else {
                    return nil
                }
                store.log.append(entry); _ = store.state.apply(entry.effective); store.keep()
                return entry.revision
            }
            switch answer {
            case .none:
                trace?(
                    "\(a[i].name) does not know about \(entry.edit.id); store head \(store.log.count) \(store.head.nonce)"
                )
                if bug == .unknownIsFailure { a[i].replica.drop(entry.edit.id) }
                if bug == .newIDOnRetry, let e = a[i].replica.pending.first {
                    a[i].replica.drop(e.id);
                    let fresh = IntentEdit(id: id("retry"), actor: e.actor, instance: e.instance, changes: e.changes);
                    wanted[fresh.id] = wanted[e.id]; acked[fresh.id] = fresh; a[i].replica.add(fresh)
                }
                return .unknown
            case .some(.some):
                if bug == .blindAppend {
                    poll(i); if a[i].replica.pending.first?.id == entry.edit.id { a[i].replica.drop(entry.edit.id) }
                } else {
                    _ = a[i].replica.receive([entry]); note(i, [entry])
                }
                trace?("\(a[i].name) appended \(entry.edit.id) as \(entry.revision)")
                statistics.entries += 1; statistics.conflicts += entry.conflicts.count
                notify(from: i, .entries)
            case .some(.none):
                a[i].maybeSent.remove(entry.edit.id)  // surely not in the store
                let head = a[i].replica.head
                poll(i)
                // Refused and nothing new: not the log I know.
                if a[i].isJoined, a[i].replica.head == head, a[i].replica.pending.first?.id == entry.edit.id { join(i) }
            }
        }
        return .done
    }
    func merge(_ i: Int, _ key: TimeOutBook.Key, _ o: TimeOutObservation) { a[i].book.merge(key, o) }
    func share(_ i: Int) {
        for (key, list) in a[i].book.observations.sorted(by: {
            ($0.key.endpoint, $0.key.model) < ($1.key.endpoint, $1.key.model)
        }) {
            for o in list where a[i].isJoined && a[i].book.unshared.contains(o.id) {
                let told: Bool? = call(i) { store in
                    if store.timeouts.observations[key]?.contains(o) == true { return false }
                    store.timeouts.merge(key, o); store.keep(); return true
                }
                if let told { a[i].book.shared(o.id); if told { notify(from: i, .timeout(key, o)) } }
            }
        }
        for (row, total) in a[i].counters.totals.sorted(by: { ($0.key.hour, $0.key.name) < ($1.key.hour, $1.key.name) })
        where a[i].isJoined {
            let bug = self.bug
            if bug == .increments {
                let delta = total - (bootFlushed[row] ?? 0)
                if delta > 0, call(i, { $0.counters.add(delta, to: row) }) != nil { bootFlushed[row] = total }
            } else if call(i, { $0.counters.merge(row, total) }) != nil {
                bootFlushed[row] = max(bootFlushed[row] ?? 0, total)
            }
        }
    }

    // MARK: The host's disk

    /// Writes what has changed. Returns false if the instance crashed while it did.
    func persist(_ i: Int) -> Bool {
        let visible = a[i].replica.visible
        func crashHere() -> Bool {
            if !calm, !isKind, r.chance(0.01) { statistics.midWrite += 1; crash(i); return true }; return false
        }
        func writeRecord(before: IntentState, after: IntentState) {
            a[i].record = HostRecord(replica: a[i].replica, before: before, after: after); a[i].recordBook = a[i].book;
            learnedOnDisk[i] = learned[i]
        }
        switch bug {
        case .recordAfterFile:
            if crashHere() { return false }
            a[i].file = visible
            if crashHere() { return false }
            writeRecord(before: visible, after: visible)
        case .recordBeforeFileOnly:
            if crashHere() { return false }
            writeRecord(before: visible, after: visible)
            if crashHere() { return false }
            a[i].file = visible
        default:
            if crashHere() { return false }
            writeRecord(before: a[i].file, after: visible)
            if crashHere() { return false }
            if a[i].file != visible { a[i].file = visible }
            if crashHere() { return false }
            if r.chance(0.7) { writeRecord(before: visible, after: visible) }  // settled, without a sync: may get lost
        }
        if fileVersions[i].last != visible {
            fileVersions[i].append(visible); if fileVersions[i].count > 12 { fileVersions[i].removeFirst() }
        }
        a[i].written = visible
        return true
    }
    func crash(_ i: Int) {
        trace?("\(a[i].name) crashes")
        statistics.crashes += 1
        a[i].isUp = false; a[i].isJoined = false; a[i].inbox = []; deadBoots.insert(a[i].boot)
        for (row, total) in a[i].counters.totals { bootTotals[row] = total }
    }
    func restart(_ i: Int) {
        trace?("\(a[i].name) starts")
        let n = (Int(a[i].boot.split(separator: ".")[1]) ?? 0) + 1
        a[i].boot = "b\(i).\(n)"; a[i].isUp = true; a[i].isJoined = false; a[i].counters = CounterBook();
        a[i].maybeSent = Set(a[i].record.replica.pending.map(\.id))
        a[i].replica = a[i].record.replica; a[i].book = a[i].recordBook; a[i].book.offerAll();
        learned[i] = learnedOnDisk[i]
        a[i].storeMinusMono = nil
        a[i].written = a[i].file
        take(i, HandEdit.find(in: a[i].file, before: a[i].record.before, after: a[i].record.after))
        fileVersions[i] = [a[i].file]
    }
    func take(_ i: Int, _ changes: [IntentChange]) {
        if !changes.isEmpty {
            let edit = IntentEdit(id: id("h"), actor: "file", instance: a[i].name, changes: changes)
            wanted[edit.id] = typed[i]
            if oldBuffer[i] { unchecked.insert(edit.id) }
            a[i].replica.add(edit)
            if persist(i) { acked[edit.id] = edit; statistics.acked += 1; typed[i] = []; oldBuffer[i] = false }
        } else if persist(i) {
            typed[i] = []; oldBuffer[i] = false
        }
    }
    /// Saves from an editor's old buffer: whatever differs from the file may have been meant.
    lazy var oldBuffer = Array(repeating: false, count: a.count)
    var unchecked: Set<String> = []
    /// What was typed into the file of an instance and it has not taken in yet.
    lazy var typed: [Set<IntentChange>] = Array(repeating: [], count: a.count)

    // MARK: What happens

    static func typedForm(_ c: IntentChange) -> IntentChange {
        switch c {
        case .set(let e, let f, _, let n): .set(endpoint: e, field: f, old: nil, new: n);
        case .add(let e, let s): .add(endpoint: e, settings: s);
        case .remove(let e, _): .remove(endpoint: e, settings: [:]);
        case .clear: c
        }
    }
    func someChange(in s: IntentState, _ who: String) -> IntentChange? {
        let ids = s.endpoints.keys.filter { $0 != "" }.sorted()
        switch r.pick(12) {
        case 0:
            return .add(endpoint: id("e"), settings: ["name": "n\(r.pick(6))", "url": "u", "enabled": "a", "pin": "a"])
        case 1:
            guard ids.count > 1 else { return nil }; let e = ids[r.pick(ids.count)];
            return .remove(endpoint: e, settings: s.endpoints[e] ?? [:])
        case 2: return .set(endpoint: "", field: "auto", old: s.endpoints[""]?["auto"], new: ["on", "off"][r.pick(2)])
        case 3:
            guard !ids.isEmpty else { return nil }; let e = ids[r.pick(ids.count)];
            return .set(endpoint: e, field: "name", old: s.endpoints[e]?["name"], new: "n\(r.pick(6))")
        default:
            guard !ids.isEmpty else { return nil }
            let e = ids[r.pick(ids.count)], f = ["url", "enabled", "pin"][r.pick(3)]
            return .set(
                endpoint: e, field: f, old: s.endpoints[e]?[f],
                new: f == "url" && r.chance(0.5) ? id("v") : ["a", "b", "c"][r.pick(3)])
        }
    }
    func operatorEdits(_ i: Int) throws {
        guard a[i].isUp else { return }
        var state = a[i].replica.visible, changes: [IntentChange] = []
        for _ in 0...(r.chance(0.2) ? 1 : 0) {
            if let c = someChange(in: state, a[i].name) { let x = state.apply([c]); changes += x.effective }
        }
        guard !changes.isEmpty else { return }
        let edit = IntentEdit(id: id("c"), actor: "kim", instance: a[i].name, changes: changes)
        wanted[edit.id] = Set(changes.map(Self.typedForm))
        a[i].replica.add(edit)
        let sent = a[i].isJoined ? try drain(i, interactive: edit.id) : .unknown
        if sent == .refused { statistics.refused += 1; _ = persist(i); return }
        if bug == .unknownIsFailure, sent == .unknown, !a[i].replica.pending.contains(where: { $0.id == edit.id }),
            a[i].replica.tail.last?.edit.id != edit.id
        {
            if a[i].isUp { _ = persist(i) }; acked[edit.id] = edit; return
        }
        if persist(i) {
            acked[edit.id] = edit; statistics.acked += 1; trace?("\(a[i].name) acked \(edit.id) \(changes) \(sent)")
        }
    }
    func handEdit(_ i: Int) {
        // From what the file holds, or from an editor's old buffer.
        let old = r.chance(0.3), versions = fileVersions[i]
        var text = old ? versions[r.pick(versions.count)] : a[i].file
        var typedNow: Set<IntentChange> = []
        if let c = someChange(in: text, "file") {
            let x = text.apply([c]); typedNow = Set(x.effective.map(Self.typedForm))
        }
        guard text != a[i].file else { return }
        // An old buffer over an unseen edit is beyond telling.
        if old, a[i].file != a[i].written || !a[i].isUp { return }
        statistics.hand += 1
        trace?("\(a[i].name) file edited \(old ? "(old buffer)" : "") \(typedNow)")
        typed[i].formUnion(typedNow)
        a[i].file = text
        if old {
            oldBuffer[i] = true; let seen = Set(a[i].written.changes(to: text).map(Self.typedForm));
            typed[i].formUnion(seen); let found = Set(HandEdit.find(in: text, versions: versions).map(Self.typedForm));
            statistics.stale += seen.subtracting(typedNow).count;
            statistics.slipped += found.subtracting(typedNow).count
        }
        if a[i].isUp { take(i, HandEdit.find(in: text, versions: versions)) }
    }
    func observe(_ i: Int) {
        guard a[i].isUp else { return }
        let key = TimeOutBook.Key("g\(r.pick(3))", r.chance(0.3) ? "m" : ""), wait = Int64(r.pick(3600)) * 1000
        let until = storeTime(i) + wait, error = Double(abs(until - (clock + wait)))
        let bound =
            a[i].storeMinusMono == nil
            ? 30_000 : a[i].syncError + 2 + abs(a[i].drift) * Double(clock - a[i].syncedAt) * 1.01
        if a[i].storeMinusMono != nil || a[i].storeMinusWall != nil {
            statistics.clockError = max(statistics.clockError, error);
            statistics.clockBound = max(statistics.clockBound, bound)
        }
        let cause = id("t")
        knew[cause] = learned[i][key] ?? []
        if a[i].book.observe(key, id: cause, until: until, cause: "429", instance: a[i].name, now: storeTime(i)) {
            observations.append((key, until, cause))
        }
        trace?(
            "\(a[i].name) observes \(cause) of \(key.endpoint)\(key.model) until \(until), knew \(knew[cause] ?? [])")
    }
    func clear(_ i: Int) throws {
        guard a[i].isUp else { return }
        let key = TimeOutBook.Key("g\(r.pick(3))", r.chance(0.3) ? "m" : "")
        let edit = IntentEdit(
            id: id("x"), actor: "kim", instance: a[i].name, changes: [.clear(endpoint: key.endpoint, model: key.model)])
        wanted[edit.id] = Set(edit.changes)
        learn(i, [edit])
        a[i].replica.add(edit); clearHere(i, key, edit.id)
        if a[i].isJoined { try drain(i, interactive: edit.id) }
        trace?(
            "\(a[i].name) clears \(key.endpoint)\(key.model) by \(edit.id), in the log \(!a[i].replica.pending.contains(edit)) "
        )
        if persist(i) { acked[edit.id] = edit; statistics.clears += 1 }
    }
    func tick(_ i: Int) throws {
        guard a[i].isUp else { return }
        if !a[i].isJoined { join(i) } else { poll(i) }
        guard a[i].isJoined else { return }
        try drain(i)
        if bug != .pushOnly, a[i].isJoined, let all = call(i, { $0.timeouts }) {
            for (k, list) in all.observations { for o in list { merge(i, k, o) } }
        }
        share(i)
        _ = persist(i)
    }
    func deliver(_ i: Int) {
        guard a[i].isUp, a[i].isJoined, !a[i].inbox.isEmpty else { return }
        switch a[i].inbox.remove(at: r.pick(a[i].inbox.count)) {
        case .entries: poll(i); if a[i].replica.visible != a[i].written { _ = persist(i) }
        case .timeout(let key, let o): merge(i, key, o)
        }
    }
    /// No time out is in force where a clear is known that its observer did not know of.
    func checkClears() throws {
        for i in a.indices where a[i].isUp {
            for (key, clears) in learned[i] {
                if let force = a[i].book.inForce(key, now: clock), !clears.isSubset(of: knew[force.id] ?? []) {
                    throw HistoryFailure(
                        text:
                            "\(a[i].name): a clear of \(key) was undone by \(force): learned \(clears), it knew \(knew[force.id] ?? [])"
                    )
                }
            }
        }
    }

    func run(steps: Int) throws {
        for i in a.indices { try tick(i) }
        for _ in 0..<steps {
            clock += Int64(r.pick(4000))
            let i = r.pick(a.count)
            switch r.pick(100) {
            case 0..<12: try operatorEdits(i)
            case 12..<15: handEdit(i)
            case 15..<22: observe(i)
            case 22..<25: try clear(i)
            case 25..<32:
                if a[i].isUp {
                    let row = CounterBook.Row(boot: a[i].boot, hour: Int(clock / 3_600_000), name: "tokens");
                    a[i].counters.add(1 + r.pick(100), to: row); bootTotals[row] = a[i].counters.totals[row]
                }
            case 32..<65: try tick(i)
            case 65..<85: deliver(i)
            case 85..<87: a[i].isReachable = false; a[i].isJoined = false; a[i].inbox = []; statistics.partitions += 1
            case 87..<92: a[i].isReachable = true
            case 92..<93: if a[i].isUp, !isKind { crash(i) }
            case 93..<96: if !a[i].isUp { restart(i) }
            case 97:
                if store.isUp ? r.chance(0.4) : true { store.isUp.toggle() };
                for k in a.indices { a[k].isJoined = false; a[k].inbox = [] }
            case 96: store.isUp = true
            // The primary dies, and a replica that lags takes over.
            case 98 where !isKind:
                let before = store.log.count
                store.failover(losing: r.pick(6));
                trace?("failover: the log ends at \(store.log.count), was \(before)"); statistics.failovers += 1;
                statistics.lostByFailover += before - store.log.count; hasRewound = true
                for k in a.indices { a[k].isJoined = false; a[k].inbox = [] }
            default: clock += Int64(r.pick(600_000))
            }
            try checkClears()
        }
        try settleAndCheck()
    }

    func settleAndCheck() throws {
        calm = true; store.isUp = true
        for i in a.indices {
            a[i].isReachable = true; if !a[i].isUp { restart(i) };
            if bug != .pushOnly { a[i].isJoined = false; a[i].inbox = [] }
        }
        // One look at the store for each, then one push: that has to be enough for the time outs.
        for i in a.indices { try tick(i) }
        for i in a.indices { while !a[i].inbox.isEmpty { deliver(i) } }
        let keys = Set(a.flatMap { $0.book.observations.keys })
        for i in a.indices {
            for key in keys where a[i].book.inForce(key, now: clock)?.until != a[0].book.inForce(key, now: clock)?.until
            {
                throw HistoryFailure(
                    text:
                        "time outs differ one push after healing: \(a[i].name) \(String(describing: a[i].book.inForce(key, now: clock))) and i0 \(String(describing: a[0].book.inForce(key, now: clock)))"
                )
            }
        }
        var rounds = 0
        while a.indices.contains(where: {
            !a[$0].replica.pending.isEmpty || a[$0].replica.head != store.head || a[$0].file != store.state
        }) {
            rounds += 1;
            if rounds > 20 {
                throw HistoryFailure(
                    text: "does not settle: "
                        + a.map {
                            "\($0.name) head \($0.replica.head.revision) pending \($0.replica.pending.count) file \($0.file == store.state)"
                        }.joined(separator: "; ") + " store \(store.log.count)")
            }
            for i in a.indices {
                if bug == .pushOnly {
                    while !a[i].inbox.isEmpty { deliver(i) }; try drain(i); share(i); _ = persist(i)
                } else {
                    try tick(i)
                }
            }
        }
        statistics.rounds = rounds
        for i in a.indices {
            guard a[i].replica.base == store.state, a[i].replica.visible == store.state, a[i].file == store.state else {
                throw HistoryFailure(text: "\(a[i].name) differs from the store")
            }
        }
        // The log is a history in which no author overwrote what the author had not seen.
        var state = store.genesis
        for entry in store.log {
            for c in entry.effective {
                if case .set(let e, let f, let old, _) = c, state.endpoints[e]?[f] != old {
                    throw HistoryFailure(
                        text:
                            "\(entry.edit.id) overwrote \(String(describing: state.endpoints[e]?[f])) unseen, thought \(String(describing: old))"
                    )
                }
                if !state.apply([c]).conflicts.isEmpty {
                    throw HistoryFailure(text: "\(entry.edit.id) does not replay")
                }
            }
            // There is nothing in it that no author wished.
            let wishes = wanted[entry.edit.id] ?? []
            for c in entry.effective where !unchecked.contains(entry.edit.id) && !wishes.contains(Self.typedForm(c)) {
                // Added, and changed before the program looked.
                if case .add(let e, _) = c, wishes.contains(where: { if case .add(e, _) = $0 { true } else { false } })
                {
                    continue
                }
                throw HistoryFailure(
                    text: "no author wanted \(c) of \(entry.edit.id) by \(entry.edit.actor)@\(entry.edit.instance)")
            }
        }
        if state != store.state { throw HistoryFailure(text: "the log does not give the state") }
        if Set(store.log.map(\.edit.id)).count != store.log.count {
            throw HistoryFailure(text: "an edit is in the log twice")
        }
        // Every acknowledged edit is in force, was so already, or is told as a conflict.
        let byID = Dictionary(store.log.map { ($0.edit.id, $0) }, uniquingKeysWith: { x, _ in x })
        for (id, edit) in acked {
            guard let entry = byID[id] else {
                throw HistoryFailure(
                    text: "acknowledged \(id) by \(edit.actor)@\(edit.instance) is lost: \(edit.changes)")
            }
            let told = Set((entry.effective + entry.already + entry.conflicts.map(\.change)).map(Self.typedForm))
            for c in edit.changes where !told.contains(Self.typedForm(c)) {
                throw HistoryFailure(text: "of acknowledged \(id) nothing is told of \(c)")
            }
        }
        try checkClears()
        // Where nothing was lost with a host or a store, the latest end that knew of all clears is in force everywhere.
        if statistics.crashes == 0, !hasRewound {
            var clears: [TimeOutBook.Key: Set<String>] = [:]
            for e in store.log {
                for case .clear(let p, let m) in e.effective {
                    for key in Self.keys(p, m) { clears[key, default: []].insert(e.edit.id) }
                }
            }
            for key in Set(observations.map(\.key)) {
                let best =
                    observations.filter { $0.key == key && (clears[key] ?? []).isSubset(of: knew[$0.cause] ?? []) }.map(
                        \.until
                    ).max() ?? 0
                if best > clock {
                    for i in a.indices where a[i].book.inForce(key, now: clock)?.until != best {
                        throw HistoryFailure(text: "\(a[i].name) does not know the end of \(key)")
                    }
                }
            }
            statistics.quiet += 1
        }
        for (row, total) in bootTotals {
            let there = store.counters.totals[row] ?? 0
            if there > total { throw HistoryFailure(text: "counted more than there was: \(there) of \(total)") }
            if !deadBoots.contains(row.boot), there != total {
                throw HistoryFailure(text: "counted \(there) of \(total)")
            }
            if deadBoots.contains(row.boot), !hasRewound, there < (bootFlushed[row] ?? 0) {
                throw HistoryFailure(text: "lost what was flushed")
            }
        }
        if statistics.clockError > max(statistics.clockBound, 1) + 2 {
            throw HistoryFailure(text: "an end is off by \(statistics.clockError) ms (bound \(statistics.clockBound))")
        }
    }
}
