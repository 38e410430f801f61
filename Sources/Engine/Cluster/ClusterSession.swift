internal import Cluster
internal import ClusterStore
internal import PodiumModel
internal import Support
internal import Synchronization

/// What the thread of a `ClusterMember` does: connects, joins, listens, tells, and begins anew where the store was lost.
///
/// It alone uses the connection and the book of time outs. What is decided is decided by `IntentReplica` and `TimeOutBook`, which are
/// pure; this hands them what happened and does what they say.
final class ClusterSession {
    private static let heartbeat = Duration.seconds(5)
    private static let haste = Duration.milliseconds(200)
    /// A look at all there is, in case that a notice was lost.
    private static let look = Duration.seconds(30)
    /// A heartbeat older than that is that of an instance which is gone.
    private static let patience = 15.0
    /// An end that differs by no more than that, in milliseconds, is the same one, measured twice.
    private static let slack: Int64 = 1_500
    private static let shortestPause = Duration.milliseconds(250)
    private static let longestPause = Duration.seconds(5)

    private let member: ClusterMember
    private let engine: Engine
    private let boot = ClusterIdentity.random()
    private let start = ContinuousClock.now
    private var store: ClusterStore?
    private var book = TimeOutBook()
    /// Milliseconds of the store's clock when the thread started; this machine's own until the store has told its.
    private var origin = Int64(WallClock.seconds * 1_000)
    private var nextAttempt = ContinuousClock.now
    private var pause = shortestPause
    private var nextBeat = ContinuousClock.now
    private var nextLook = ContinuousClock.now
    /// By the store's clock: what came to it before is known.
    private var timeOutsReadUntil: Int64 = 0
    /// Edits that the store may have without this one's knowing.
    private var maybeSent: Set<String> = []
    private var hasComplained = false
    /// Came while an answer was read, so that the socket says nothing of it any more.
    private var news: ClusterStore.News = []

    init(_ member: ClusterMember, _ engine: Engine) {
        self.member = member
        self.engine = engine
    }

    func run() {
        begin()
        while !member.known.withLock({ $0.isStopped }) {
            turn()
            let due = store == nil ? nextAttempt : news.isEmpty ? min(nextBeat, nextLook) : .now
            member.wait(beside: store?.descriptor, until: due)
        }
        end()
    }

    /// Takes up what the last process has left.
    private func begin() {
        let file = engine.persisted
        let (clears, changes, names) = member.known.withLock {
            known -> ([TimeOutBook.Key: Set<String>], [IntentChange], [String: String]) in
            guard let left = member.left, let replica = known.replica else { return ([:], [], [:]) }
            let identities = SharedIntent.identities(file, known: left.host.after)
            let typed = SharedIntent.state(file, identities: identities, known: left.host.after)
            known.file = typed
            known.announced = typed
            var wanted = left.host.after
            let byHand = HandEdit.find(in: typed, before: left.host.before, after: left.host.after)
            wanted.apply(byHand)
            let grounded = SharedIntent.grounded(byHand, after: wanted, known: replica.visible)
            if !grounded.isEmpty {
                known.replica?.add(
                    IntentEdit(
                        id: ClusterIdentity.random(), actor: "the file", instance: member.place.instance,
                        changes: grounded))
            }
            // What a crash has kept from the file, and what the log said after it was written.
            let visible = known.replica?.visible ?? wanted
            return (known.clears, SharedIntent.missing(in: typed, of: visible), Self.names(typed))
        }
        maybeSent = Set(member.known.withLock { $0.replica?.pending.map(\.id) ?? [] })
        for (key, edits) in clears { for edit in edits { book.clear(key, by: edit) } }
        engine.follow(changes, names: names, by: "a write that was cut off")
    }

    private func end() {
        for continuation in member.known.withLock({ known in
            defer { known.waiting = [:] }
            return Array(known.waiting.values)
        }) { continuation.resume(returning: .pending) }
        if let store { try? store.leave(id: member.identity) }
        member.saveRecord()
    }

    private func turn() {
        do throws(ClusterStore.Failure) {
            if store == nil {
                guard ContinuousClock.now >= nextAttempt else {
                    takeClears()
                    return
                }
                try connect()
            }
            guard let store else { return }
            let news = try store.news().union(news)
            self.news = []
            takeClears()
            if ContinuousClock.now >= nextBeat { try beat(store) }
            if news.contains(.edits) { try readLog(store) }
            try drain(store)
            if news.contains(.timeOuts) { try readTimeOuts(store) }
            if ContinuousClock.now >= nextLook { try lookAtAll(store) }
            observe()
            try tell(store)
            self.news = try store.news()
        } catch {
            lose(error)
        }
    }

    // MARK: Connection

    private func connect() throws(ClusterStore.Failure) {
        let store = try ClusterStore(member.place.target, cluster: member.place.cluster)
        try beat(store, instances: false)
        takeClears()
        // What runs by now is older than any clear that is still to be learned. It is dated by the store's clock, not by this machine's.
        if member.known.withLock({ $0.replica != nil }) { observe() }
        try join(store)
        for (key, observation) in try store.timeOuts() { book.merge(key, observation) }
        timeOutsReadUntil = storeTime
        book.offerAll()
        self.store = store
        nextLook = .now + Self.look
        pause = Self.shortestPause
        let lost = member.known.withLock { known in
            defer { known.lostAt = nil }
            known.isJoined = true
            return known.lostAt
        }
        let text = lost.map { "the store is back after \((ContinuousClock.now - $0).shortText)" } ?? "joined"
        engine.log(.info, source: "cluster", "cluster \(member.place.cluster): \(text)")
        hasComplained = false
        try drain(store)
        takeInAll()
        try beat(store)
    }

    private func lose(_ failure: ClusterStore.Failure) {
        store = nil
        news = []
        let waiting = member.known.withLock { known in
            known.isJoined = false
            known.report.problem = failure.description
            if known.lostAt == nil { known.lostAt = .now }
            defer { known.waiting = [:] }
            return Array(known.waiting.values)
        }
        for continuation in waiting { continuation.resume(returning: .pending) }
        nextAttempt = .now + pause * Double.random(in: 0.8...1.2)
        pause = min(pause * 2, Self.longestPause)
        guard !hasComplained else { return }
        hasComplained = true
        engine.log(
            .error, source: "cluster",
            "cluster \(member.place.cluster): the store is away (\(failure.description)); Podium goes on alone, and tells the others when it is back"
        )
    }

    /// Milliseconds since 1970 by the store's clock.
    private var storeTime: Int64 { origin + (ContinuousClock.now - start).milliseconds }

    private func beat(_ store: ClusterStore, instances: Bool = true) throws(ClusterStore.Failure) {
        let (revision, listen) = (member.known.withLock { $0.replica?.head.revision ?? 0 }, engine.listenAddress)
        let before = ContinuousClock.now
        let time = try store.beat(
            ClusterStore.Instance(
                id: member.identity, boot: boot, name: member.place.instance,
                address: member.place.address ?? listen, version: member.place.version,
                revision: revision, saved: revision))
        let after = ContinuousClock.now
        origin = time - ((before - start) + (after - start)).milliseconds / 2
        nextBeat = .now + Self.heartbeat
        if instances { try readInstances(store) }
    }

    private func readInstances(_ store: ClusterStore) throws(ClusterStore.Failure) {
        let instances = try store.instances().map { instance in
            ClusterReport.Instance(
                name: instance.name, address: instance.address, version: instance.version,
                isSelf: instance.id == member.identity, isAlive: instance.age < Self.patience,
                seenSeconds: instance.age, uptimeSeconds: instance.uptime, revision: instance.revision,
                behindSeconds: instance.behind)
        }
        member.known.withLock { known in
            known.report.instances = instances
            known.report.problem = nil
        }
    }

    private func lookAtAll(_ store: ClusterStore) throws(ClusterStore.Failure) {
        nextLook = .now + Self.look
        try readLog(store)
        try readTimeOuts(store)
        try store.forgetOldTimeOuts()
        book.forget(endedBefore: storeTime)
        member.saveRecord()
    }

    // MARK: The log

    private func join(_ store: ClusterStore) throws(ClusterStore.Failure) {
        let replica = member.known.withLock { known in
            known.incarnation == store.incarnation ? known.replica : nil
        }
        guard let replica else { return try joinFirst(store) }
        let picture = try store.picture(for: replica)
        var again: [IntentEdit] = []
        let isOwn = picture.common != nil || replica.tail.isEmpty
        follow(picture.since) { again = $0.join(picture) }
        if !isOwn || !again.isEmpty {
            engine.log(
                .warning, source: "cluster",
                "cluster \(member.place.cluster): the store had lost \(again.count.counted("change")); offered again: "
                    + again.map { text($0.changes) }.joined(separator: "; "))
        }
    }

    /// The first time that this host meets the cluster: what both have becomes what the cluster says, and what only this host has
    /// is offered to all.
    private func joinFirst(_ store: ClusterStore) throws(ClusterStore.Failure) {
        let empty = IntentReplica(
            head: .init(revision: 0, nonce: store.incarnation), base: IntentState(), tailLimit: 300)
        let picture = try store.picture(for: empty)
        let file = engine.persisted
        let (changes, names, offered) = member.known.withLock { known -> ([IntentChange], [String: String], Int) in
            var replica = empty
            replica.join(picture)
            let identities = SharedIntent.identities(file, known: picture.state)
            let mine = SharedIntent.state(file, identities: identities, known: picture.state)
            var new = mine.endpoints.filter { picture.state.endpoints[$0.key] == nil }
                .sorted { $0.key < $1.key }.map { IntentChange.add(endpoint: $0.key, settings: $0.value) }
            let common = picture.state.endpoints[IntentState.common] ?? [:]
            if common[SharedIntent.autoSort] == nil,
                let own = mine.endpoints[IntentState.common]?[SharedIntent.autoSort]
            {
                new.append(.set(endpoint: IntentState.common, field: SharedIntent.autoSort, old: nil, new: own))
            }
            if !new.isEmpty {
                replica.add(
                    IntentEdit(
                        id: ClusterIdentity.random(), actor: "the file", instance: member.place.instance, changes: new))
            }
            offerClears(&known, &replica)
            known.replica = replica
            known.incarnation = store.incarnation
            known.file = mine
            known.announced = mine
            return (SharedIntent.missing(in: mine, of: replica.visible), Self.names(mine), new.count)
        }
        book.forgetClears()
        // They are older than what runs here.
        learnClears(picture.since, follows: false)
        takeClears()
        engine.follow(changes, names: names, by: "cluster \(member.place.cluster)")
        engine.log(
            .info, source: "cluster",
            "cluster \(member.place.cluster): met for the first time; \(changes.count.counted("setting")) of its are followed here, "
                + "\(offered) of this host's own told to it")
        member.saveRecord()
    }

    /// Offers a log that is met for the first time the clears that it lacks, and forgets those of another one.
    private func offerClears(_ known: inout ClusterMember.Known, _ replica: inout IntentReplica) {
        var clears = known.untold
        if let other = known.replica {
            for edit in other.pending {
                for case .clear(let identity, _) in edit.changes {
                    guard let name = other.visible.endpoints[identity]?[IntentState.name] else { continue }
                    clears.append((name, edit.actor))
                }
            }
        }
        known.untold = []
        known.clears = [:]
        known.newClears = []
        for clear in clears {
            let identity = replica.visible.owner(ofName: clear.name) ?? ClusterIdentity.derived(from: clear.name)
            let edit = IntentEdit(
                id: ClusterIdentity.random(), actor: clear.author, instance: member.place.instance,
                changes: [.clear(endpoint: identity, model: "")])
            replica.add(edit)
            known.newClears.append((TimeOutBook.Key(identity, ""), edit.id))
        }
    }

    private func readLog(_ store: ClusterStore) throws(ClusterStore.Failure) {
        let head = member.known.withLock { $0.replica?.head.revision ?? 0 }
        let entries = try store.entries(after: head)
        var fits = true
        follow(entries) { fits = $0.receive(entries) }
        if !fits { try join(store) }
    }

    /// Appends what is pending.
    private func drain(_ store: ClusterStore) throws(ClusterStore.Failure) {
        var refusals = 0
        while let (entry, after) = member.known.withLock({ $0.replica?.next(nonce: ClusterIdentity.random()) }) {
            let id = entry.edit.id
            let waits = member.known.withLock { $0.waiting[id] != nil }
            if waits, !maybeSent.contains(id), !entry.conflicts.isEmpty {
                let reason = reason(entry.conflicts)
                follow([]) { $0.drop(id) }
                takeBack(entry.edit)
                answer(id, .refused(reason))
                continue
            }
            maybeSent.insert(id)
            if try store.append(entry, after: after) {
                follow([entry]) { _ = $0.receive([entry]) }
                tell(conflictsOf: entry)
                answer(id, .shared)
                refusals = 0
                continue
            }
            // It is surely not there, unless an attempt before this one had come through: then the log says so.
            maybeSent.remove(id)
            let head = member.known.withLock { $0.replica?.head }
            try readLog(store)
            if member.known.withLock({ $0.replica?.head == head }) { try join(store) }
            refusals += 1
            if refusals > 100 { return }
        }
    }

    /// Makes the fields that a refused edit was about what the log says, where dropping it has changed nothing in the log's eyes.
    private func takeBack(_ edit: IntentEdit) {
        let asked = Set(
            edit.changes.compactMap { change -> String? in
                guard case .set(let identity, let field, _, _) = change else { return nil }
                return "\(identity) \(field)"
            })
        guard !asked.isEmpty else { return }
        let file = engine.persisted
        let (changes, names) = member.known.withLock { known -> ([IntentChange], [String: String]) in
            guard let visible = known.replica?.visible else { return ([], [:]) }
            let identities = SharedIntent.identities(file, known: visible)
            let mine = SharedIntent.state(file, identities: identities, known: visible)
            let changes = SharedIntent.missing(in: mine, of: visible).filter { change in
                guard case .set(let identity, let field, _, _) = change else { return false }
                return asked.contains("\(identity) \(field)")
            }
            return (changes, Self.names(mine))
        }
        engine.follow(changes, names: names, by: "cluster \(member.place.cluster)")
    }

    private func answer(_ id: String, _ outcome: ClusterMember.Outcome) {
        maybeSent.remove(id)
        member.known.withLock { $0.waiting.removeValue(forKey: id) }?.resume(returning: outcome)
    }

    /// Lets the replica take something in, and this host follow what has become visible by it.
    private func follow(_ entries: [LogEntry], _ step: (inout IntentReplica) -> Void) {
        let (changes, names) = member.known.withLock { known -> ([IntentChange], [String: String]) in
            guard var replica = known.replica else { return ([], [:]) }
            let before = replica.visible
            step(&replica)
            known.replica = replica
            return (before.changes(to: replica.visible), Self.names(before))
        }
        let authors = entries.filter { $0.edit.instance != member.place.instance }.map(Self.author)
        var seen: Set<String> = []
        let author = authors.filter { seen.insert($0).inserted }.joined(separator: ", ")
        engine.follow(changes, names: names, by: author.isEmpty ? "cluster \(member.place.cluster)" : author)
        learnClears(entries)
        for entry in entries where entry.edit.instance != member.place.instance { tell(conflictsOf: entry) }
        guard !entries.isEmpty else { return }
        member.saveRecord()
        // The others are shown soon that this one is not behind; many changes are said once.
        nextBeat = min(nextBeat, .now + Self.haste)
    }

    private static func author(_ entry: LogEntry) -> String { "\(entry.edit.actor) on \(entry.edit.instance)" }

    private static func names(_ state: IntentState) -> [String: String] {
        state.endpoints.compactMapValues { $0[IntentState.name] }
    }

    private func text(_ changes: [IntentChange]) -> String {
        let names = member.known.withLock { Self.names($0.replica?.visible ?? IntentState()) }
        return changes.map { $0.text { names[$0] } }.joined(separator: ", ")
    }

    /// What was not carried out is told on every host, with what to do.
    private func tell(conflictsOf entry: LogEntry) {
        guard !entry.conflicts.isEmpty else { return }
        engine.log(
            .warning, source: "cluster",
            "not done of a change by \(Self.author(entry)): \(text(entry.conflicts.map(\.change))); \(reason(entry.conflicts)). Make it again if it is still wanted"
        )
    }

    private func reason(_ conflicts: [IntentConflict]) -> String {
        guard let first = conflicts.first else { return "" }
        let last = member.known.withLock { known in
            known.replica?.tail.last { entry in entry.effective.contains { Self.concerns($0, first.change) } }
        }
        let author = last.map { " by \(Self.author($0))" } ?? ""
        switch first.reason {
        case .changedMeanwhile: return "changed in the meantime\(author)\(last.map { ": \(text($0.effective))" } ?? "")"
        case .endpointGone: return "the endpoint was removed in the meantime\(author)"
        case .nameTaken, .isThere: return "there is another endpoint of that name\(author)"
        case .fileIsStale: return "the file was an older one"
        }
    }

    private static func concerns(_ change: IntentChange, _ other: IntentChange) -> Bool {
        guard change.endpoint == other.endpoint else { return false }
        if case .set(_, let field, _, _) = change, case .set(_, let asked, _, _) = other { return field == asked }
        return true
    }

    // MARK: Time outs and clears

    /// Clears that were made here.
    private func takeClears() {
        let clears = member.known.withLock { known in
            defer { known.newClears = [] }
            for clear in known.newClears { known.clears[clear.key, default: []].insert(clear.edit) }
            return known.newClears
        }
        // What was seen before them was seen without them.
        for clear in clears { book.clear(clear.key, by: clear.edit) }
        guard !clears.isEmpty else { return }
        member.saveRecord()
        clearAgain(Set(clears.map(\.key.endpoint)))
    }

    /// Ends again what was taken in between the operator's clear and its coming to the book.
    private func clearAgain(_ identities: Set<String>) {
        let now = storeTime
        let names = engine.sharedTimeOuts().filter { timeOut in
            let key = TimeOutBook.Key(identity(of: timeOut.endpoint), timeOut.model)
            return identities.contains(key.endpoint)
                && book.isCleared(key, until: now + timeOut.left.milliseconds, now: now, slack: Self.slack)
        }.map(\.endpoint)
        for name in Set(names) { engine.followClear(of: name, by: "an operator on \(member.place.instance)") }
    }

    /// - Parameter follows: false where this host's time outs are left as they are
    private func learnClears(_ entries: [LogEntry], follows: Bool = true) {
        for entry in entries {
            for case .clear(let identity, let model) in entry.effective {
                let key = TimeOutBook.Key(identity, model)
                let isNew = member.known.withLock { known in
                    known.clears[key, default: []].insert(entry.edit.id).inserted
                }
                book.clear(key, by: entry.edit.id)
                guard isNew, follows, let name = name(of: identity) else { continue }
                engine.followClear(of: name, by: Self.author(entry))
                takeInAll(of: identity)
            }
        }
    }

    private func name(of identity: String) -> String? {
        member.known.withLock { known in
            if let name = known.replica?.visible.endpoints[identity]?[IntentState.name] { return name }
            return nil
        }
    }

    private func identity(of name: String) -> String {
        member.known.withLock { $0.replica?.visible.owner(ofName: name) } ?? ClusterIdentity.derived(from: name)
    }

    /// Takes in what this host has seen itself.
    private func observe() {
        let now = storeTime
        for timeOut in engine.sharedTimeOuts() {
            book.observe(
                TimeOutBook.Key(identity(of: timeOut.endpoint), timeOut.model), id: ClusterIdentity.random(),
                until: now + timeOut.left.milliseconds, cause: timeOut.cause,
                instance: member.place.instance, now: now, slack: Self.slack)
        }
    }

    private func tell(_ store: ClusterStore) throws(ClusterStore.Failure) {
        guard !book.unshared.isEmpty else { return }
        for (key, list) in book.observations {
            for observation in list where book.unshared.contains(observation.id) {
                if observation.until > storeTime { try store.tell(observation, of: key) }
                book.shared(observation.id)
            }
        }
    }

    private func readTimeOuts(_ store: ClusterStore) throws(ClusterStore.Failure) {
        // Two transactions may end in another order than their times.
        let since = timeOutsReadUntil - 10_000
        timeOutsReadUntil = storeTime
        for (key, observation) in try store.timeOuts(since: since) { book.merge(key, observation) }
        takeInAll()
    }

    /// Leaves alone what others were told to leave alone.
    private func takeInAll(of identity: String? = nil) {
        takeClears()
        let now = storeTime
        let keys = book.observations.keys.filter { identity == nil || $0.endpoint == identity }
        guard !keys.isEmpty else { return }
        var own: [TimeOutBook.Key: Int64] = [:]
        for timeOut in engine.sharedTimeOuts() {
            own[TimeOutBook.Key(self.identity(of: timeOut.endpoint), timeOut.model)] =
                now + timeOut.left.milliseconds
        }
        for key in keys {
            guard let observation = book.inForce(key, now: now), observation.until > (own[key] ?? 0) + Self.slack,
                let name = name(of: key.endpoint)
            else { continue }
            engine.takeIn(
                SharedTimeOut(
                    endpoint: name, model: key.model, left: .milliseconds(observation.until - now),
                    cause: observation.cause), seenBy: observation.instance)
        }
    }
}

extension Duration {
    /// Whole ones; none where it is negative.
    fileprivate var milliseconds: Int64 { Int64(clamping: wholeMicroseconds / 1_000) }
}
