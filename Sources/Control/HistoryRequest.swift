internal import PodiumModel
internal import Support

/// Questions about the history as they stand in the query of a request.
enum HistoryRequest {
    /// - Throws: where a value is none that its name takes
    static func question(_ request: ControlRequest) throws(CommandRefusal) -> HistoryQuestion {
        var question = HistoryQuestion()
        question.span = try request.text("since")
        if let limit = try request.count("limit") {
            question.limit = Int(min(limit, UInt64(HistoryQuestion.mostRows)))
        }
        if let before = try request.count("before") { question.before = Int64(clamping: before) }
        switch try request.text("failed") {
        case nil, "false": break
        case "true": question.isFailed = true
        case .some: throw .malformed("failed is true or false")
        }
        question.endpoint = try request.text("endpoint")
        question.client = try request.text("client")
        question.request = try request.text("id")
        question.by = try request.text("by")
        if let text = try request.text("level") {
            guard let level = EventLevel(rawValue: text) else {
                throw .malformed("level is debug, info, warning or error")
            }
            question.level = level
        }
        return question
    }

    /// The query that asks it.
    static func query(_ question: HistoryQuestion) -> String {
        var fields = [("limit", "\(question.limit)")]
        if let span = question.span { fields.append(("since", span)) }
        if let before = question.before { fields.append(("before", "\(before)")) }
        if question.isFailed { fields.append(("failed", "true")) }
        if let endpoint = question.endpoint { fields.append(("endpoint", endpoint)) }
        if let client = question.client { fields.append(("client", client)) }
        if let request = question.request { fields.append(("id", request)) }
        if let by = question.by { fields.append(("by", by)) }
        if let level = question.level { fields.append(("level", level.rawValue)) }
        return fields.map { "\($0)=\(PercentEncoding.encode($1))" }.joined(separator: "&")
    }
}
