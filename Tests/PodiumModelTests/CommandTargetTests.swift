import Testing

@testable import PodiumModel

@Suite struct CommandTargetTests {
    @Test("A target without a revision is another one than the same name at a revision")
    func revision() {
        #expect(CommandTarget(name: "main") != CommandTarget(name: "main", revision: 1))
        #expect(CommandTarget(name: "main", revision: 1) == CommandTarget(name: "main", revision: 1))
    }
}
