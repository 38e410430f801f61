import Foundation
import Testing

@testable import PodiumModel

@Suite struct CommandTests {
    @Test("A target without a revision is another one than the same name at a revision")
    func revision() {
        #expect(CommandTarget(name: "main") != CommandTarget(name: "main", revision: 1))
        #expect(CommandTarget(name: "main", revision: 1) == CommandTarget(name: "main", revision: 1))
    }

    @Test("A command is what it was when it has been JSON")
    func json() throws {
        var patch = EndpointPatch()
        patch[.tags] = .list(["x"])
        let target = CommandTarget(name: "main", revision: 3)
        let commands: [Command] = [.move(target, toRank: 2), .update(target, patch), .preview(nil, patch), .flush]
        let data = try JSONEncoder().encode(commands)
        #expect(try JSONDecoder().decode([Command].self, from: data) == commands)
    }

    @Test("A refusal's line tells of what others did, once")
    func line() {
        let mine = RevisionChange(revision: 2, time: 0, actor: "alice", text: "main enabled true→false")
        let other = RevisionChange(revision: 1, time: 0, actor: "bob", text: "main rank 1→2")
        let one = CommandRefusal.revisionConflict(of: "main", now: 2, [mine])
        #expect(
            one.detail == "'main' was changed in the meantime by alice: main enabled true→false; look again and repeat")
        #expect(one.line == one.detail)
        let both = CommandRefusal.revisionConflict(of: "main", now: 2, [other, mine])
        #expect(both.line == one.detail + " (bob: main rank 1→2)")
        #expect(CommandRefusal.revisionConflict(of: nil, now: 1, []).detail.hasPrefix("the configuration was changed"))
    }

    @Test("A refused field is named by its key in documents")
    func field() {
        #expect(CommandRefusal.invalid(.priority, "no").field == "rank")
        #expect(CommandRefusal.invalid(.priority, "no").endpointField == .priority)
        #expect(CommandRefusal(.nothingToDo, "").endpointField == nil)
    }

    @Test("A name steers no terminal")
    func printable() {
        #expect(CommandRefusal.noSuchEndpoint("a\u{1B}[2J\nb").detail == "there is no endpoint 'a[2Jb'")
    }
}
