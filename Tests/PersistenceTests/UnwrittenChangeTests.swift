import Configuration
import PodiumModel
import Testing

@testable import Persistence

/// One entry that cannot be edited is reported, and holds up nothing else.
@Suite struct UnwrittenChangeTests {
    private static let text = """
        endpoints:
          - &base
            name: base
            url: http://a
            priority: 1
          - <<: *base
            name: heir
            priority: 2
          - name: free
            url: http://c
            priority: 3

        """

    private func switchOff(_ name: String, _ memory: Memory) {
        memory.change { state in
            for index in state.endpoints.indices where state.endpoints[index].settings.name == name {
                state.endpoints[index].settings.enabled = false
            }
        }
    }

    @Test func theOthersAreWrittenAndTheStateIsNotDirty() throws {
        var under = try WriterUnderTest(Self.text)
        switchOff("base", under.memory)
        switchOff("free", under.memory)
        let run = under.writer.flush()
        #expect(run.result == .written)
        #expect(run.unwritten?.map(\.name) == ["base"] && run.unwritten?[0].fields == [.enabled])
        #expect(run.unwritten?[0].reason.contains("line 6") == true)
        let expected = Self.text.replacing("name: free\n", with: "name: free\n    enabled: false\n")
        #expect(under.directory.text() == expected)
        // Nothing further to write: the rest neither fails nor counts as unsaved.
        let again = under.writer.flush()
        #expect(again.result == .unchanged && !again.unsaved && again.unwritten?.count == 1)
    }

    @Test func newURLAndNewCredentialAreWrittenTogetherOrNotAtAll() throws {
        let text = Self.text.replacing(
            "    priority: 1\n", with: "    auth_type: api_key\n    auth_value: old\n    priority: 1\n"
        )
        .replacing("name: heir\n", with: "name: heir\n    auth_value: own\n")
        var under = try WriterUnderTest(text)
        under.memory.change { state in
            state.endpoints[0].settings.url = "http://elsewhere"
            state.endpoints[0].settings.authValue = "new"
        }
        // The heir has its own credential, but takes the URL.
        let run = under.writer.flush()
        #expect(run.result == .unchanged && run.unwritten?.first?.fields == [.url, .authValue])
        #expect(under.directory.text() == text)
    }

    @Test func anEditByHandThatMakesRoomIsFollowedByTheWrite() async throws {
        let under = try PersisterUnderTest(ConfigurationDirectory(Self.text), strategy: .immediate)
        switchOff("base", under.memory)
        let receipt = try await under.persister.flush(trigger: .operator)
        #expect(receipt.unwritten.count == 1)
        let statistics = under.persister.statistics(now: .now)
        #expect(statistics.dirtySince == nil && statistics.lastError == nil && statistics.unwritten.count == 1)
        let opened = Self.text.replacing("name: heir\n", with: "name: heir\n    enabled: true\n")
        try under.directory.write(opened)
        await under.events.first {
            if case .unwritten(let began, let ended) = $0 {
                began.isEmpty && ended.map(\.name) == ["base"]
            } else {
                false
            }
        }
        #expect(under.directory.text()?.contains("name: base\n    enabled: false\n") == true)
        _ = await under.persister.shutdown()
    }
}
