/// One instance's copy of the log, and what it has not been able to share yet: told what happened, asked what to do.
public struct IntentReplica: Sendable, Equatable, Codable {
    /// The end of a log.
    public struct Head: Sendable, Equatable, Codable {
        public var revision: Int
        /// Stands for the whole history up to here.
        public var nonce: String

        public init(revision: Int, nonce: String) {
            self.revision = revision
            self.nonce = nonce
        }
    }

    /// The last entry known: an edit is appended right behind it or not at all.
    public private(set) var head: Head
    /// What the store held at `head`.
    public private(set) var base: IntentState
    /// The last entries, oldest first: they are offered again where a failover of the store has lost them.
    public private(set) var tail: [LogEntry] = []
    /// Edits that the store is not known to have, oldest first.
    public private(set) var pending: [IntentEdit] = []
    /// What this instance goes by: the store's state with its own pending edits on top.
    public private(set) var visible: IntentState
    private let tailLimit: Int

    public init(head: Head, base: IntentState, tailLimit: Int = 1000) {
        self.head = head
        self.base = base
        visible = base
        self.tailLimit = tailLimit
    }

    /// An edit made here, which holds at once.
    public mutating func add(_ edit: IntentEdit) {
        pending.append(edit)
        settle()
    }

    /// An edit that was refused to its author, who waits for the answer; it never was in the store.
    public mutating func drop(_ id: String) {
        pending.removeAll { $0.id == id }
        settle()
    }

    /// What to append next, and behind what.
    public func next(nonce: String) -> (entry: LogEntry, after: Head)? {
        guard let edit = pending.first else { return nil }
        var state = base
        let applied = state.apply(edit.changes)
        let entry = LogEntry(
            revision: head.revision + 1, nonce: nonce, edit: edit, effective: applied.effective,
            already: applied.already, conflicts: edit.conflicts + applied.conflicts)
        return (entry, head)
    }

    /// Entries that follow each other; those known already are passed over.
    ///
    /// - Returns: false if there is a gap: then the store has to be joined anew.
    public mutating func receive(_ entries: [LogEntry]) -> Bool {
        for entry in entries where entry.revision > head.revision {
            guard entry.revision == head.revision + 1 else { return false }
            base.apply(entry.effective)
            head = Head(revision: entry.revision, nonce: entry.nonce)
            tail.append(entry)
            pending.removeAll { $0.id == entry.edit.id }
        }
        trimTail()
        settle()
        return true
    }

    /// A picture of the store, all of one moment.
    public struct Picture: Sendable {
        public var head: Head
        public var state: IntentState
        /// The newest revision whose entry, by its nonce, is one of this instance's; nil if none is.
        public var common: Int?
        /// Entries after `common`.
        public var since: [LogEntry]
        /// Which of this instance's pending edits the store has.
        public var known: Set<String>

        public init(head: Head, state: IntentState, common: Int?, since: [LogEntry], known: Set<String>) {
            self.head = head
            self.state = state
            self.common = common
            self.since = since
            self.known = known
        }
    }

    /// Takes in the store's picture after a connection was made.
    ///
    /// - Parameter reoffers: false in a test alone, which plants this as a mistake
    /// - Returns: the edits that the store had lost and that are offered again
    @discardableResult
    public mutating func join(_ picture: Picture, reoffers: Bool = true) -> [IntentEdit] {
        let common = picture.common ?? 0
        let has = Set(picture.since.map(\.edit.id)).union(picture.known)
        let lost = reoffers ? tail.filter { $0.revision > common && !has.contains($0.edit.id) } : []
        let queued = Set(pending.map(\.id))
        tail = tail.filter { $0.revision <= common } + picture.since
        trimTail()
        let again = lost.filter { !queued.contains($0.edit.id) }.map { entry in
            IntentEdit(
                id: entry.edit.id, actor: entry.edit.actor, instance: entry.edit.instance,
                changes: entry.effective + entry.already, conflicts: entry.conflicts)
        }
        pending = again + pending.filter { !has.contains($0.id) }
        head = picture.head
        base = picture.state
        settle()
        return again
    }

    private mutating func trimTail() {
        if tail.count > tailLimit { tail.removeFirst(tail.count - tailLimit) }
    }

    private mutating func settle() {
        visible = base
        for edit in pending { visible.apply(edit.changes) }
    }
}
