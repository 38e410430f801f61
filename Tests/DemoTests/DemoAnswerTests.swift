import Foundation
import Testing

@testable import Demo

@Suite struct DemoAnswerTests {
    private func object(_ text: some StringProtocol) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    }

    /// The data objects of a stream, and the names in its `event:` lines.
    private func parse(_ events: [String]) throws -> (objects: [[String: Any]], names: [String]) {
        var objects: [[String: Any]] = []
        var names: [String] = []
        for event in events {
            #expect(event.hasSuffix("\n\n"))
            for line in event.split(separator: "\n") {
                if line.hasPrefix("event: ") { names.append(String(line.dropFirst(7))) }
                if line.hasPrefix("data: "), line != "data: [DONE]" { objects.append(try object(line.dropFirst(6))) }
            }
        }
        return (objects, names)
    }

    @Test func messageStreamAddsUpToTheMessage() throws {
        let answer = DemoAnswer(api: .messages, model: "m\"1", number: 9)
        let (objects, names) = try parse(answer.events)
        #expect(names == objects.compactMap { $0["type"] as? String })
        #expect(names.first == "message_start" && names.last == "message_stop")
        let deltas = objects.compactMap { ($0["delta"] as? [String: Any])?["text"] as? String }
        let content = try #require(try object(answer.json)["content"] as? [[String: Any]])
        #expect(deltas.joined() == content.first?["text"] as? String)
        #expect(try object(answer.json)["model"] as? String == "m\"1")
    }

    @Test func chatStreamAddsUpToTheCompletion() throws {
        let answer = DemoAnswer(api: .chatCompletions, model: "m", number: 3)
        #expect(answer.events.last == "data: [DONE]\n\n")
        let choices = try parse(answer.events).objects.compactMap { ($0["choices"] as? [[String: Any]])?.first }
        let deltas = choices.compactMap { ($0["delta"] as? [String: Any])?["content"] as? String }
        let whole = try #require((try object(answer.json)["choices"] as? [[String: Any]])?.first)
        #expect(deltas.joined() == (whole["message"] as? [String: Any])?["content"] as? String)
        #expect(choices.last?["finish_reason"] as? String == "stop")
    }

    @Test func responsesStreamIsNumberedAndEndsWithTheResponse() throws {
        let answer = DemoAnswer(api: .responses, model: "m", number: 4)
        let (objects, names) = try parse(answer.events)
        #expect(names == objects.compactMap { $0["type"] as? String })
        #expect(objects.compactMap { $0["sequence_number"] as? Int } == Array(0..<objects.count))
        let last = try #require(objects.last?["response"] as? [String: Any])
        #expect(last["status"] as? String == "completed")
        let output = try #require((last["output"] as? [[String: Any]])?.first?["content"] as? [[String: Any]])
        #expect(objects.compactMap { $0["delta"] as? String }.joined() == output.first?["text"] as? String)
    }

    @Test func everyOtherBodyIsJSON() throws {
        for api in [DemoAPI.models, .countTokens] {
            _ = try object(DemoAnswer(api: api, model: "m", number: 1).json)
        }
        for status in [400, 404, 405, 413, 429, 500, 529] {
            let anthropic = try object(DemoAnswer.error(status: status, isAnthropic: true))
            #expect(anthropic["type"] as? String == "error" && anthropic["error"] is [String: Any])
            #expect(try object(DemoAnswer.error(status: status, isAnthropic: false))["error"] is [String: Any])
        }
    }
}
