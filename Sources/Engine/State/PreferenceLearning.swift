internal import Configuration
internal import PodiumModel
internal import Proxy

/// Finds out which of OpenAI's two APIs an endpoint speaks: it does not know the path of the one, and serves the other.
struct PreferenceLearning: Sendable, Equatable {
    private var served: Set<OpenAIAPI> = []
    private var lacking: Set<OpenAIAPI> = []

    /// Takes in what an answer said.
    ///
    /// - Returns: the preference, once it is certain.
    mutating func note(_ detection: APIDetection) -> OpenAIPreference? {
        switch detection {
        case .serves(let api):
            guard lacking.remove(api) != nil || served.insert(api).inserted else {
                return nil
            }
            served.insert(api)
        case .lacks(let api):
            // What it served before may be missing for a moment only: that alone is no proof.
            if served.remove(api) == nil {
                lacking.insert(api)
            }
        }
        let known = OpenAIAPI.allCases.first { served.contains($0) && lacking.contains($0.other) }
        return known.map { OpenAIPreference($0) }
    }
}

extension OpenAIPreference {
    init(_ api: OpenAIAPI) {
        switch api {
        case .responses: self = .responses
        case .chatCompletions: self = .chatCompletions
        }
    }

    /// The API that requests should not be sent for.
    var lackedAPI: OpenAIAPI? {
        switch self {
        case .auto: nil
        case .responses: .chatCompletions
        case .chatCompletions: .responses
        }
    }
}
