/// A model as an endpoint's `GET /v1/models` lists it.
public struct ListedModel: Sendable, Hashable {
    /// The name to ask for it by.
    public let id: String
    /// The name for people; nil where the list has none.
    public var title: String?
    /// In seconds since 1970, as OpenAI's lists have it.
    public var created: Int?
    /// After RFC 3339, as Anthropic's lists have it.
    public var createdAt: String?
    public var owner: String?

    /// A model of which only the name is known.
    public init(id: String) { self.id = id }

    /// Names are shorter; lists are, too.
    private static let longestName = 200
    private static let most = 5_000

    /// Reads a list in the shape of either API: `{"data": [{"id": …}]}`; also that of servers which call it `models`.
    ///
    /// - Returns: nil for what is no list
    public static func read(_ body: UnsafeRawBufferPointer) -> [ListedModel]? {
        let document = JSONSlices(body)
        guard let top = document.members(in: document.whole),
            let list = top.last(where: { document.text($0.key) == "data" })
                ?? top.last(where: { document.text($0.key) == "models" }),
            let elements = document.elements(in: list.value)
        else { return nil }
        return elements.prefix(most).compactMap { element in
            guard let members = document.members(in: element) else { return nil }
            func text(_ name: String) -> String? { document.value(name, members, limit: longestName).flatMap(plain) }
            guard let id = text("id") ?? text("slug") ?? text("name") else { return nil }
            var model = ListedModel(id: id)
            model.title = text("display_name")
            model.createdAt = text("created_at")
            model.owner = text("owned_by")
            if let created = members.last(where: { document.text($0.key) == "created" }) {
                model.created = document.integer(created.value)
            }
            return model
        }
    }

    /// nil for what is empty, and for what has signs in it that no name has.
    private static func plain(_ text: String) -> String? {
        text.isEmpty || text.unicodeScalars.contains { $0.value < 0x20 || $0.value == 0x7F } ? nil : text
    }
}
