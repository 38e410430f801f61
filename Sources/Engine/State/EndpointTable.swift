internal import Configuration
internal import PodiumModel
internal import Proxy
internal import Ranking

/// The endpoints that are there, by identity, and what has to be known of those that are gone.
///
/// Identities are handed out in ascending order and are never given to another endpoint; one that comes back (by undo, or in
/// a hand edit under its old name) has its own again. What is kept is bounded by the endpoints that are there, not by how
/// many ever were.
struct EndpointTable: Sendable {
    /// Removed endpoints of which at least the name is kept: twice as many as the journal of ranks can speak of.
    static let formerNames = 2_048
    /// Removed endpoints whose counters are kept for an undo: more than the undo stack can bring back.
    static let formerRecords = 128

    private(set) var slots: [EndpointRecord?] = []
    private var index = SlotIndex()
    private var freeSlots: [Int] = []
    private var former: [EndpointID: EndpointLoad] = [:]
    /// Of those that were removed last, apart from the rest: a record is long, and the table is copied with each edit.
    private var records: [EndpointID: EndpointRecord] = [:]
    /// For pictures, which share it.
    private var namesOfFormer: [EndpointID: String] = [:]
    /// The removed ones, the last removed last.
    private var formerOrder: [EndpointID] = []
    private(set) var nextID: UInt32 = 0

    /// Removed endpoints of which something is kept.
    var formerCount: Int { former.count }
    /// Those of them of which all is kept.
    var formerRecordCount: Int { records.count }

    subscript(id: EndpointID) -> EndpointRecord? {
        index[id].flatMap { slots[$0] }
    }

    /// Where the record of an endpoint stands in `slots`.
    func slot(of id: EndpointID) -> Int? {
        index[id]
    }

    func record(named name: String) -> EndpointRecord? {
        for case let record? in slots where record.settings.name == name { return record }
        return nil
    }

    /// Changes the record if the endpoint is still there.
    mutating func modify(_ id: EndpointID, _ body: (inout EndpointRecord) -> Void) {
        guard let slot = index[id] else { return }
        // Optional chaining through an inout function changes it in place: its windows are not copied per request.
        slots[slot]?.modify(body)
    }

    /// Takes in an endpoint; one that was removed has its counters again.
    mutating func insert(_ id: EndpointID, _ settings: EndpointSettings) {
        var record = EndpointRecord(id: id, settings: settings)
        if let known = former.removeValue(forKey: id) {
            formerOrder.removeAll { $0 == id }
            namesOfFormer[id] = nil
            record = records.removeValue(forKey: id) ?? EndpointRecord(id: id, settings: settings, load: known)
            record.settings = settings
            record.revision += 1
            record.learning = PreferenceLearning()
        }
        let slot = freeSlots.popLast() ?? slots.count
        if slot == slots.count { slots.append(record) } else { slots[slot] = record }
        index[id] = slot
        nextID = max(nextID, id.rawValue &+ 1)
    }

    mutating func remove(_ id: EndpointID) {
        guard let slot = index[id], var record = slots[slot] else { return }
        // No request will use its connections any more.
        record.upstream = nil
        index[id] = nil
        slots[slot] = nil
        freeSlots.append(slot)
        former[id] = record.load
        records[id] = record
        namesOfFormer[id] = record.settings.name
        formerOrder.append(id)
        forgetTheOldest()
    }

    private mutating func forgetTheOldest() {
        if formerOrder.count > Self.formerRecords {
            records[formerOrder[formerOrder.count - 1 - Self.formerRecords]] = nil
        }
        guard formerOrder.count > Self.formerNames else { return }
        // A request that still runs at an endpoint will name it in the log.
        let oldest = formerOrder.firstIndex { former[$0]?.requests ?? 0 == 0 } ?? 0
        let id = formerOrder.remove(at: oldest)
        former[id] = nil
        records[id] = nil
        namesOfFormer[id] = nil
    }

    /// The name of an endpoint, also of one that was removed.
    func name(of id: EndpointID) -> String? {
        self[id]?.settings.name ?? namesOfFormer[id]
    }

    /// The endpoint of this name that was removed last, if there is none of the name now.
    func formerID(named name: String) -> EndpointID? {
        formerOrder.last { namesOfFormer[$0] == name }
    }

    var names: EndpointNameTable {
        EndpointNameTable(index: index, present: slots.map { $0?.settings.name }, former: namesOfFormer)
    }
}

/// Everything the engine holds about one endpoint.
struct EndpointRecord: Sendable {
    let id: EndpointID
    var settings: EndpointSettings
    /// Raised by each operator-visible change, so that a command based on an older picture can be refused.
    var revision: UInt64 = 1
    /// nil while the endpoint cannot be used as configured; `misconfiguration` says why.
    var upstream: Upstream?
    var misconfiguration: String?
    var traffic = TrafficWindow()
    var counters = EndpointCounters()
    var answers = AnswerWindow()
    /// Shared by all upstreams that are made of it.
    let load: EndpointLoad
    var successStreak = 0
    var hasAnsweredProbe = false
    var lastError: LastError?
    /// Failed attempts since start, by what they failed by.
    var errors: [ErrorKind: UInt64] = [:]
    var learning = PreferenceLearning()

    struct LastError: Sendable {
        /// Seconds since 1970.
        var time: Double
        var text: String
    }

    init(id: EndpointID, settings: EndpointSettings, load: EndpointLoad = EndpointLoad()) {
        self.id = id
        self.settings = settings
        self.load = load
    }

    mutating func modify(_ body: (inout EndpointRecord) -> Void) {
        body(&self)
    }

    /// An answer was measured.
    mutating func measured(_ sample: ResponseSample, second: Int64) {
        answers.record(sample, second: second)
        counters.record(sample)
    }

    /// A stream has ended that was written at this speed.
    mutating func wrote(at tokensPerSecond: Double, second: Int64) {
        answers.record(tokensPerSecond: tokensPerSecond, second: second)
        counters.speed.record(tokensPerSecond)
    }
}
