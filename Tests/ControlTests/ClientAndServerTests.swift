import Engine
import Foundation
import PodiumModel
import TestSupport
import Testing

@testable import Control

@Suite(.timeLimit(.minutes(15)))
struct ClientAndServerTests {
    @Test func aSnapshotTellsEverythingButSecrets() async throws {
        try await ControlHarness.run { podium in
            let snapshot = try await podium.client.snapshot()
            #expect(snapshot.endpoints.map(\.name) == ["a", "b", "c"])
            #expect(snapshot.endpoints.map(\.rank) == [1, 2, 3])
            #expect(snapshot.endpoints.first?.maskedSecret == "***")
            #expect(snapshot.endpoints.first?.headers == [HeaderField(name: "x-secret", value: "••••")])
            #expect(snapshot.endpoints.first?.state == .untested)
            #expect(snapshot.server.version == "9.9")
            #expect(snapshot.server.pid == getpid())
            #expect(snapshot.server.address == "127.0.0.1:\(podium.port)")
            #expect(snapshot.autoSort == false)
            #expect(snapshot.persister.strategy == "throttled")
            #expect(abs(snapshot.takenAt - Date().timeIntervalSince1970) < 30)
            #expect(snapshot.server.startedAt <= snapshot.takenAt)
            for path in ["/admin/api/snapshot", "/admin/api/endpoints", "/admin/api/endpoints/a", "/metrics"] {
                let raw = try await RawClient.connect(socket: podium.socket)
                try await raw.send("GET \(path) HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                let answer = await raw.untilClosed()
                #expect(answer.hasPrefix("HTTP/1.1 200 "))
                #expect(!answer.contains(ControlHarness.secret))
            }
        }
    }

    /// The server answers and closes as soon as it has a request's head, which may be before the client wrote its end.
    @Test func anAnswerThatIsFasterThanTheQuestionsEndIsTaken() async throws {
        try await ControlHarness.run { podium in
            let client = podium.client
            try await withThrowingTaskGroup { tasks in
                for _ in 0..<8 {
                    tasks.addTask {
                        for _ in 0..<50 { _ = try await client.persister() }
                    }
                }
                try await tasks.waitForAll()
            }
        }
    }

    /// Nothing happens by itself.
    private static let withoutProbes = "timeouts: { check_interval: 24h }\n"

    @Test func pollingAsksOnlyForWhatIsNew() async throws {
        try await ControlHarness.run(server: Self.withoutProbes) { podium in
            _ = try await podium.client.setPinned("a", true)
            let first = try await podium.client.snapshot()
            let event = try #require(first.events.last).id
            let flush = try #require(first.flushes.last).number
            let quiet = try await podium.client.snapshot(eventsSince: event, flushesSince: flush)
            #expect(quiet.events.isEmpty && quiet.flushes.isEmpty)
            _ = try await podium.client.setPinned("a", false)
            let news = try await podium.client.snapshot(eventsSince: event, flushesSince: flush)
            #expect(news.events.first?.id == event + 1)
            #expect(news.flushes.map(\.number) == [flush + 1])
            #expect(news.endpoints.map(\.name) == ["a", "b", "c"] && news.endpointsSince == nil)
        }
    }

    @Test func endpointsThatStandStillAreNotToldTwice() async throws {
        // Behind the first 500, whose explanations tell how long they have their rank.
        let names = (0..<502).map { "e\($0)" }
        try await ControlHarness.run(server: Self.withoutProbes, endpoints: names) { podium in
            let first = try await podium.client.snapshot()
            #expect(first.endpoints.map(\.name) == names && first.endpointsSince == nil)
            let version = try #require(first.endpointsVersion)
            _ = try await podium.client.setPinned("e501", true)
            let news = try await podium.client.snapshot(endpointsSince: version)
            #expect(news.endpointsSince == version)
            #expect(!news.endpoints.contains { $0.name == "e500" })
            #expect(news.endpoints.last?.name == "e501" && news.endpoints.last?.pinned == true)
            _ = try await podium.client.remove("e500")
            let loss = try await podium.client.snapshot(endpointsSince: news.endpointsVersion)
            #expect(loss.endpointsSince == nil && loss.endpoints.count == 501)
            let list = try await podium.client.endpoints()
            #expect(list.endpoints.map(\.name) == names.filter { $0 != "e500" })
        }
    }

    @Test func aCommandIsOnDiskWhenItIsAnswered() async throws {
        try await ControlHarness.run { podium in
            let client = podium.client
            var document = EndpointPatch()
            document[.name] = .text("new/ä?")
            document[.url] = .text("http://127.0.0.1:2")
            document[.tags] = .list(["x"])
            let added = try await client.add(document)
            #expect(podium.text.contains("new/ä?"))
            #expect(added.endpoint?.rank == 4)
            let seen = try #require(added.endpoint?.revision)

            let moved = try await client.move("new/ä?", toRank: 1, revision: seen)
            #expect(moved.endpoint?.pinned == true)
            let order = try await client.endpoints().endpoints.map(\.name)
            #expect(order == ["new/ä?", "a", "b", "c"])

            var change = EndpointPatch()
            change[.urlOpenAI] = .text("http://127.0.0.1:3")
            change[.url] = .absent
            change[.authValue] = .text("${NOWHERE}")
            let changed = try await client.change("new/ä?", change, revision: moved.endpoint?.revision)
            #expect(changed.endpoint?.url == nil)
            #expect(changed.endpoint?.urlOpenAI == "http://127.0.0.1:3")
            #expect(changed.endpoint?.tags == ["x"])
            #expect(changed.endpoint?.pinned == true)
            #expect(podium.text.contains("url_openai: http://127.0.0.1:3"))

            var whole = EndpointPatch()
            whole[.name] = .text("renamed")
            whole[.url] = .text("http://127.0.0.1:4")
            let replaced = try await client.replace("new/ä?", with: whole)
            #expect(replaced.endpoint?.name == "renamed")
            #expect(replaced.endpoint?.tags == [])
            #expect(replaced.endpoint?.urlOpenAI == nil)
            #expect(replaced.endpoint?.maskedSecret == "${NOWHERE}")

            _ = try await client.setEnabled("renamed", false)
            #expect(podium.text.contains("enabled: false"))
            _ = try await client.remove("renamed")
            #expect(!podium.text.contains("renamed"))
            let undone = try await client.undo()
            #expect(undone.message.contains("delete renamed"))
            #expect(podium.text.contains("renamed"))
            _ = try await client.redo()
            #expect(!podium.text.contains("renamed"))
            _ = try await client.setAutoSort(true)
            #expect(podium.text.contains("auto_sort_endpoints: true"))
            _ = try await client.sort()
            _ = try await client.flush()
            _ = try await client.reload()
        }
    }

    @Test func everyActionIsLoggedWithItsAuthor() async throws {
        try await ControlHarness.run { podium in
            _ = try await podium.client.setPinned("b", true)
            _ = try await podium.client.flush()
            let events = try await podium.client.snapshot().events.map(\.text)
            // The kernel's name for who asks; root is believed whom it speaks for.
            let who = geteuid() == 0 ? "tester@192.0.2.7" : "\(PeerUser.name(geteuid()))@192.0.2.7"
            #expect(events.contains("\(who) pinned b"))
            #expect(events.contains("\(who) asked for a flush"))
        }
    }

    @Test func aStaleChangeIsRefusedWithWhatHappened() async throws {
        try await ControlHarness.run { podium in
            let seen = try await podium.client.endpoint("b").revision
            let revision = try await podium.client.endpoints().revision
            _ = try await podium.client.setPinned("b", true)
            let before = podium.text
            do {
                _ = try await podium.client.setEnabled("b", false, revision: seen)
                Issue.record("accepted")
            } catch {
                guard case .refused(let problem)? = error as? ControlClientError else {
                    throw error
                }
                #expect(problem.status == 412 && problem.code == .revisionConflict)
                #expect(problem.changes?.map(\.text) == ["b pinned false→true"])
                #expect(problem.changes?.first?.actor.hasSuffix("@192.0.2.7") == true)
                let now = try await podium.client.endpoint("b").revision
                #expect(problem.revision == now)
            }
            await #expect(throws: ControlClientError.self) { try await podium.client.sort(revision: revision) }
            await #expect(throws: ControlClientError.self) {
                try await podium.client.setAutoSort(true, revision: revision)
            }
            await #expect(throws: ControlClientError.self) { try await podium.client.undo(revision: revision) }
            #expect(podium.text == before)
            let present = try await podium.client.endpoint("b")
            #expect(present.enabled)
        }
    }

    /// Everybody reads, adds a tag of their own and writes on the condition that nobody else was first.
    @Test func nothingIsLostBetweenManyWriters() async throws {
        try await ControlHarness.run { podium in
            let wanted = Set((0..<12).map { "t\($0)" })
            let conflicts = try await withThrowingTaskGroup(of: Int.self) { group in
                for tag in wanted {
                    group.addTask { try await Self.add(tag, to: "b", podium.client) }
                }
                return try await group.reduce(0, +)
            }
            let tags = try await podium.client.endpoint("b").tags
            #expect(Set(tags) == wanted)
            for tag in wanted {
                #expect(podium.text.contains(tag))
            }
            let last = try await podium.client.snapshot()
            #expect(last.persister.isDirty == false)
            #expect(last.revision == 1 + UInt64(wanted.count), "\(conflicts) conflicts")
        }
    }

    private static func add(_ tag: String, to name: String, _ client: ControlClient) async throws -> Int {
        var conflicts = 0
        while try await !tryToAdd(tag, to: name, client) {
            conflicts += 1
        }
        return conflicts
    }

    private static func tryToAdd(_ tag: String, to name: String, _ client: ControlClient) async throws -> Bool {
        let seen = try await client.endpoint(name)
        var document = EndpointPatch()
        document[.tags] = .list(seen.tags + [tag])
        do {
            _ = try await client.change(name, document, revision: seen.revision)
            return true
        } catch ControlClientError.refused(let problem) {
            #expect(problem.code == .revisionConflict)
            #expect(problem.changes?.isEmpty == false)
            return false
        }
    }

    @Test func refusalsNameTheField() async throws {
        try await ControlHarness.run { podium in
            func problem(
                _ build: (inout EndpointPatch) -> Void
            ) async throws -> CommandRefusal {
                var document = EndpointPatch()
                build(&document)
                do {
                    _ = try await podium.client.change("b", document)
                } catch ControlClientError.refused(let problem) {
                    return problem
                }
                throw CancellationError()
            }
            let fields = [
                try await problem { $0[.url] = .text("nonsense") }, try await problem { $0[.priority] = .integer(9) },
                try await problem { $0[.authType] = .text("basic") }, try await problem { $0[.authValue] = .absent },
            ].map(\.field)
            #expect(fields == ["url", "rank", "auth_type", "auth_value"])
            let taken = try await problem { $0[.name] = .text("a") }
            #expect(taken.status == 409 && taken.field == "name")
            let revision = try await podium.client.endpoints().revision
            #expect(revision == 1)
        }
    }
}
