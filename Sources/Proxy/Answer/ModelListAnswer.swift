internal import HTTPWire
public import LLMWire
internal import NIOCore
internal import Support

/// The answer to `GET /v1/models` and `/v1/models/ID`: what the endpoints that the client may use serve, by the names that it can ask for.
///
/// It is made of what the configuration names and of the lists that endpoints have given earlier (`ModelCatalogue`); no endpoint is asked for
/// it. Where neither says anything, the request goes to the first endpoint, as it does where there is only one and nothing is ruled: that
/// one's own list says more.
enum ModelListAnswer {
    /// - Returns: nil where the request goes to an endpoint
    static func answer(
        to request: CurrentRequest, _ head: UnsafeRawBufferPointer, _ table: RoutingTable, on loop: LoopContext
    ) -> LocalAnswer? {
        guard let question = Question(head.slice(request.pathRange)),
            !asksInCodexShape(query: head, behind: request.pathRange.upperBound)
        else { return nil }
        let upstreams = (table.candidates.map(\.upstream) + table.absent.map(\.upstream)).filter {
            ($0.url(for: request.api) != nil || $0.conversion != nil) && request.mayUse($0)
        }
        guard !upstreams.isEmpty,
            upstreams.count > 1 || request.isLimitedToModels || upstreams.contains(where: { $0.modelRules != nil })
        else { return nil }
        loop.events.modelsAsked()
        let list = MergedList(of: upstreams, for: request)
        switch question {
        case .all:
            // The list of an endpoint would show a client what it may not use.
            guard list.isComplete || !list.models.isEmpty || request.isLimitedToModels else { return nil }
            return answer(ModelPage.list(list.models, request.api), list)
        case .one(let id):
            if let model = list.models.first(where: { $0.id == id }) {
                return answer(ModelPage.item(model, request.api), list)
            }
            guard list.isComplete || !request.mayUse(model: id) else { return nil }
            return LocalAnswer(
                status: 404, message: "no endpoint here serves the model '\(id)'", errorCode: "model_not_found")
        }
    }

    private static func answer(_ content: String, _ list: MergedList) -> LocalAnswer {
        LocalAnswer(status: 200, message: "", fields: list.age.map { "Age: \($0)\r\n" } ?? "", content: content)
    }

    private enum Question {
        case all
        case one(String)

        init?(_ path: UnsafeRawBufferPointer) {
            var rest = path.begins(with: "/v1") ? path.slice(3..<path.count) : path
            guard rest.begins(with: "/models") else { return nil }
            rest = rest.slice(7..<rest.count)
            guard rest.count > 1 else {
                self = .all
                return
            }
            guard rest[0] == UInt8(ascii: "/"),
                let id = PercentEncoding.decode(Substring(String(decoding: rest.slice(1..<rest.count), as: UTF8.self)))
            else { return nil }
            self = .one(id)
        }
    }

    /// Codex asks for a list in a shape of its own, with instructions for each model; an endpoint may have it.
    private static func asksInCodexShape(query head: UnsafeRawBufferPointer, behind pathEnd: Int) -> Bool {
        let line = head.slice(pathEnd..<head.count).prefix { $0 != 0x20 && $0 != 0x0D }
        return String(decoding: line, as: UTF8.self).contains("client_version=")
    }
}

/// What several endpoints serve.
private struct MergedList {
    /// In the order of the endpoints; of several with the same name the first.
    private(set) var models: [ListedModel] = []
    /// Of every endpoint it is known what it serves.
    private(set) var isComplete = true
    /// How old the oldest of the lists is, in seconds; nil where none was needed.
    private(set) var age: Int?

    init(of upstreams: [Upstream], for request: CurrentRequest) {
        var known: Set<String> = []
        let now = WallClock.wholeSeconds
        for upstream in upstreams {
            let catalogue = upstream.load.catalogue
            if let catalogue { age = max(age ?? 0, now - catalogue.fetched) }
            let served = catalogue?.models ?? []
            var byID: [String: ListedModel] = [:]
            for model in served where byID[model.id] == nil { byID[model.id] = model }
            let names: [(name: String, served: String)]
            if let rules = upstream.modelRules {
                names = rules.listed(serving: served.map(\.id))
                isComplete = isComplete && (catalogue != nil || rules.namesAll)
            } else {
                names = served.map { ($0.id, $0.id) }
                isComplete = isComplete && catalogue != nil
            }
            for (name, id) in names where request.mayList(name, of: upstream) && known.insert(name).inserted {
                var model = ListedModel(id: name)
                if let listed = byID[id] {
                    model.created = listed.created
                    model.createdAt = listed.createdAt
                    model.owner = listed.owner
                    if name == id { model.title = listed.title }
                }
                models.append(model)
            }
        }
    }
}

/// Lists of models as JSON, in the shape of the API that was asked.
enum ModelPage {
    static func list(_ models: [ListedModel], _ api: RequestAPI) -> String {
        let items = models.map { item($0, api) }.joined(separator: ",")
        guard api == .anthropic else { return #"{"object":"list","data":[\#(items)]}"# }
        func id(_ model: ListedModel?) -> String { model.map { QuotedText.json($0.id) } ?? "null" }
        return #"{"data":[\#(items)],"has_more":false,"first_id":\#(id(models.first)),"last_id":\#(id(models.last))}"#
    }

    static func item(_ model: ListedModel, _ api: RequestAPI) -> String {
        let id = QuotedText.json(model.id)
        guard api == .anthropic else {
            let created = model.created ?? model.createdAt.flatMap { HTTPDate.rfc3339UnixTime($0) } ?? 0
            let owner = QuotedText.json(model.owner ?? "podium")
            return #"{"id":\#(id),"object":"model","created":\#(created),"owned_by":\#(owner)}"#
        }
        let created = model.createdAt ?? CivilTime(unixTime: model.created ?? 0).rfc3339(milliseconds: 0)
        return
            #"{"type":"model","id":\#(id),"display_name":\#(QuotedText.json(model.title ?? model.id)),"created_at":\#(QuotedText.json(created))}"#
    }
}

/// What an endpoint has said that it serves, and when.
public struct ModelCatalogue: Sendable, Equatable {
    public var models: [ListedModel]
    /// In seconds since 1970.
    public var fetched: Int
    /// A hash of what decides which server was asked, and as whom.
    public var reach: UInt64

    /// As its parts.
    public init(models: [ListedModel], fetched: Int, reach: UInt64) {
        self.models = models
        self.fetched = fetched
        self.reach = reach
    }
}
