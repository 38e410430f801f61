import Configuration
import PodiumModel
import Proxy
import Ranking
import Testing

@testable import Engine

/// Which OpenAI API an endpoint speaks, learned from its answers.
struct PreferenceLearningTests {
    private func learned(_ detections: [APIDetection]) -> OpenAIPreference? {
        var learning = PreferenceLearning()
        var result: OpenAIPreference?
        for detection in detections { result = learning.note(detection) ?? result }
        return result
    }

    @Test func oneMissingAndTheOtherServedIsProofInEitherOrder() {
        #expect(learned([.lacks(.responses), .serves(.chatCompletions)]) == .chatCompletions)
        #expect(learned([.serves(.chatCompletions), .lacks(.responses)]) == .chatCompletions)
        #expect(learned([.lacks(.chatCompletions), .serves(.responses)]) == .responses)
    }

    @Test func lessIsNone() {
        #expect(learned([.lacks(.responses)]) == nil)
        #expect(learned([.lacks(.responses), .lacks(.chatCompletions)]) == nil)
        #expect(learned([.serves(.responses), .serves(.chatCompletions)]) == nil)
        #expect(learned([.lacks(.responses), .serves(.responses), .serves(.chatCompletions)]) == nil)
    }

    @Test func whatWasServedBeforeHasToBeMissingTwice() {
        let known: [APIDetection] = [.serves(.responses), .serves(.chatCompletions), .lacks(.responses)]
        #expect(learned(known) == nil)
        #expect(learned(known + [.serves(.responses), .lacks(.responses)]) == nil)
        #expect(learned(known + [.lacks(.responses), .serves(.chatCompletions)]) == .chatCompletions)
    }

    private func state(_ preference: OpenAIPreference) -> EngineState {
        var settings = EndpointSettings(name: "a")
        settings.url = "http://127.0.0.1:1"
        settings.openAIPreference = preference
        return EngineState(
            configuration: Configuration(endpoints: [settings]), context: ConfigurationContext(), now: .now)
    }

    @Test func theEndpointIsPassedOverFromThenOn() throws {
        var state = state(.auto)
        let id = EndpointID(0)
        #expect(state.routingTable(now: .now).candidates.first?.upstream.lacks == nil)
        let url = try #require(state.record(id)?.upstream?.anyURL)
        #expect(state.learn(.serves(.chatCompletions), about: id, now: .now) == nil)
        let detection = state.learn(.lacks(.responses), about: id, now: .now)
        #expect(detection?.name == "a")
        #expect(detection?.learned == .chatCompletions)
        #expect(state.routingTable(now: .now).candidates.first?.upstream.lacks == .responses)
        #expect(state.record(id)?.upstream?.anyURL === url)
        #expect(state.persistedState().endpoints.first?.settings.openAIPreference == .chatCompletions)
        // An operator who looked before that has to look again.
        #expect(state.record(id)?.revision == 2)
    }

    @Test func theOperatorsValueStays() {
        var state = state(.responses)
        #expect(state.learn(.serves(.chatCompletions), about: EndpointID(0), now: .now) == nil)
        #expect(state.learn(.lacks(.responses), about: EndpointID(0), now: .now) == nil)
        #expect(state.record(EndpointID(0))?.settings.openAIPreference == .responses)
    }

    @Test func autoForgets() throws {
        var state = state(.auto)
        let id = EndpointID(0)
        _ = state.learn(.serves(.chatCompletions), about: id, now: .now)
        _ = state.learn(.lacks(.responses), about: id, now: .now)
        var edit = EndpointPatch(name: "a", url: "http://127.0.0.1:1")
        edit[.openAIPreference] = .text("auto")
        _ = try state.apply(.update(CommandTarget(name: "a"), edit), now: .now)
        #expect(state.routingTable(now: .now).candidates.first?.upstream.lacks == nil)
        // The proof begins anew.
        #expect(state.learn(.lacks(.responses), about: id, now: .now) == nil)
        #expect(state.learn(.serves(.chatCompletions), about: id, now: .now)?.learned == .chatCompletions)
    }

    @Test func anEditThatSaysNothingAboutItLeavesIt() throws {
        var state = state(.chatCompletions)
        let edit = EndpointPatch(name: "b", url: "http://127.0.0.1:1")
        _ = try state.apply(.update(CommandTarget(name: "a"), edit), now: .now)
        #expect(state.record(named: "b")?.settings.openAIPreference == .chatCompletions)
    }
}
