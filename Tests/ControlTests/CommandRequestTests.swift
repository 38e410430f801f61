import NIOHTTP1
import PodiumModel
import Testing

@testable import Control

/// What the client sends for a command is what the server reads as that command.
struct CommandRequestTests {
    private static let patch: EndpointPatch = {
        var patch = EndpointPatch()
        patch[.name] = .text("new/ä?")
        patch[.url] = .absent
        patch[.tags] = .list(["x"])
        return patch
    }()

    private static let client: ClientPatch = {
        var patch = ClientPatch()
        (patch.name, patch.token, patch.enabled, patch.expires) = ("alice/ä?", "${ALICE}", false, "")
        (patch.models, patch.endpoints, patch.tags, patch.limits) = (["gpt-*"], [], ["x"], "tokens_per_day 2M")
        return patch
    }()

    /// With names that have to be encoded, and one that is a word of the paths.
    private static let target = CommandTarget(name: "a b/ä?&of=c%", revision: 7)
    private static let reserved = CommandTarget(name: "sort", revision: 8)

    private static let commands: [Command] = [
        .move(target, toRank: 3), .move(reserved, toRank: 1), .setEnabled(target, true), .setEnabled(target, false),
        .setPinned(reserved, true), .setPinned(target, false), .sortNow, .setAutoSort(true), .setAutoSort(false),
        .update(target, patch), .replace(reserved, patch), .add(patch), .remove(target), .remove(reserved), .flush,
        .reload, .undo, .redo, .explain("a b/ä?"), .explain("sort"), .clear(CommandTarget(name: "sort")),
        .test(CommandTarget(name: "test")), .openRequests, .cancel("2-18"),
        .clone(CommandTarget(name: "a b/ä?"), named: "new"), .changeAll([target, reserved], .setEnabled(false)),
        .changeAll([target], .clear), .changeAll([target], .addTag("x")), .changeAll([target], .removeTag("x")),
        .testDraft(nil, patch),
        .testDraft(CommandTarget(name: target.name), patch), .preview(target, patch), .preview(nil, patch),
        .addClient(client), .changeClient("a b/ä?", client), .changeClient("sort", ClientPatch()),
        .removeClient("a b/ä?"),
    ]

    /// As the server gets it.
    private func received(_ sent: CommandRequest) throws -> CommandRequest {
        let (method, target) = sent.line
        var headers = HTTPHeaders(sent.revision.map { [("If-Match", "\"\($0)\"")] } ?? [])
        if sent.body != nil { headers.add(name: "Content-Type", value: "application/json") }
        let head = HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: headers)
        let request = ControlRequest(head, body: sent.body ?? [], caller: .remote(address: "192.0.2.7"))
        guard case .route(let route, let name) = Route.find(method, request.path) else {
            throw CommandRefusal(.notFound, target)
        }
        return try CommandRequest(route, name: name, request)
    }

    @Test(arguments: commands)
    func aCommandArrivesAsItWasGiven(_ command: Command) throws {
        let sent = try CommandRequest(command)
        let received = try received(sent)
        #expect(received == sent)
        #expect(try received.command() == command)
        #expect(received.ifRevision == nil)
    }

    @Test(arguments: [Command.sortNow, .setAutoSort(true), .undo, .redo, .add(patch)])
    func theConfigurationsRevisionArrivesToo(_ command: Command) throws {
        let received = try received(CommandRequest(command, ifRevision: 9))
        #expect(received.ifRevision == 9)
        #expect(try received.command() == command)
    }

    @Test func everyRouteThatIsNoQuestionIsACommand() throws {
        let sent = Set(try Self.commands.map { try CommandRequest($0).operation })
        let questions: Set<Route.Operation> = [
            .snapshot, .events, .stats, .usage, .loggedRequests, .pastEvents, .pastFlushes, .availability, .endpoints,
            .endpoint, .metrics, .healthz, .readyz, .clients, .cluster,
        ]
        #expect(sent.union(questions) == Set(Route.Operation.allCases))
        #expect(sent.isDisjoint(with: questions))
    }

    /// A revision that the route takes no notice of is not sent.
    @Test func aTestHasNoRevision() throws {
        #expect(try CommandRequest(.test(Self.target)).revision == nil)
        #expect(try CommandRequest(.testDraft(Self.target, Self.patch)).revision == nil)
    }
}
