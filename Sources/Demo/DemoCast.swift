/// The endpoints of the demo: their names, APIs and the parts they play.
struct DemoCast: Sendable {
    struct Member: Sendable, Equatable {
        var name: String
        var kind: DemoEndpoint.Kind
        var tags: [String]
        var part: Part
    }

    enum Part: Sendable, Equatable {
        /// Slows down, fails and is limited at times.
        case ordinary
        /// Out of reach for long times.
        case oftenDown
        /// Switched off in the configuration.
        case disabled
    }

    let members: [Member]

    init(count: Int) {
        var members: [Member] = []
        let extras = count >= 4 ? 2 : 0
        for index in 0..<(count - extras) {
            if index < Self.ordinary.count {
                members.append(Self.ordinary[index])
            } else {
                let kind: DemoEndpoint.Kind = index.isMultiple(of: 2) ? .anthropic : .openAI
                members.append(.init(name: "spare-\(index + 1)", kind: kind, tags: ["spare"], part: .ordinary))
            }
        }
        if extras > 0 {
            members.append(.init(name: "backup-hk", kind: .both, tags: ["backup"], part: .oftenDown))
            members.append(.init(name: "lab-proxy", kind: .openAI, tags: ["lab"], part: .disabled))
        }
        self.members = members
    }

    private static let ordinary: [Member] = [
        .init(name: "anthropic-main", kind: .anthropic, tags: ["prod", "claude"], part: .ordinary),
        .init(name: "anthropic-eu", kind: .anthropic, tags: ["prod", "claude"], part: .ordinary),
        .init(name: "openai-team", kind: .openAI, tags: ["prod"], part: .ordinary),
        .init(name: "azure-gpt", kind: .openAI, tags: ["prod"], part: .ordinary),
        .init(name: "gemini-a", kind: .openAI, tags: ["gemini"], part: .ordinary),
        .init(name: "bedrock-west", kind: .anthropic, tags: ["aws"], part: .ordinary),
        .init(name: "gemini-b", kind: .openAI, tags: ["gemini"], part: .ordinary),
        .init(name: "vertex-claude", kind: .anthropic, tags: ["gcp"], part: .ordinary),
        .init(name: "openrouter", kind: .both, tags: ["resale"], part: .ordinary),
        .init(name: "mistral-paris", kind: .openAI, tags: ["eu"], part: .ordinary),
    ]
}
