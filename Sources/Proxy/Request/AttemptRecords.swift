internal import Ranking

/// The attempts of one request in their order, as its report and its explanation tell them.
///
/// Nearly every request has one attempt, which has a place of its own: an array for it would be an allocation.
struct AttemptRecords {
    private(set) var first: AttemptReport?
    private(set) var further: [AttemptReport] = []
    /// What judged the attempts, by their places: the row of the table of verdicts, or the operator's rule; empty for those that nothing
    /// had to judge, of which none is there behind the last one that is named.
    private(set) var verdictRows: [String] = []
    /// What the endpoints of the attempts were asked for, by their places, where it was not the client's name of the model; empty for those
    /// of whom it was, of which none is there behind the last one that is named.
    private(set) var sentModels: [String] = []

    /// How many have ended.
    var count: Int { further.count + (first == nil ? 0 : 1) }

    /// The endpoint that was asked last.
    var lastEndpoint: EndpointID? { further.isEmpty ? first?.endpoint : further.last?.endpoint }

    /// The place of the attempt that is reported next.
    private var place: Int { first == nil ? 0 : further.count + 1 }

    /// Another request begins.
    mutating func begin() {
        first = nil
        if !further.isEmpty { further = [] }
        if !verdictRows.isEmpty { verdictRows = [] }
        if !sentModels.isEmpty { sentModels = [] }
    }

    /// An attempt has ended.
    ///
    /// - Parameter row: what judged it; nil where nothing had to
    @inline(__always)
    mutating func append(_ report: consuming AttemptReport, row: String?) {
        if let row { note(row) }
        if first == nil { first = report } else { further.append(report) }
    }

    private mutating func note(_ row: String) {
        verdictRows += repeatElement("", count: place - verdictRows.count)
        verdictRows.append(row)
    }

    /// The attempt that begins sends this name of the model.
    mutating func noteSent(_ model: String) {
        if first == nil, sentModels.isEmpty { return sentModels = [model] }
        sentModels += repeatElement("", count: max(0, place - sentModels.count))
        if sentModels.count == place { sentModels.append(model) } else { sentModels[place] = model }
    }
}
