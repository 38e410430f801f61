import Configuration
import Testing

@testable import Persistence

/// An endpoint that was deleted and comes back, as undo brings it.
struct RemovedEntryTests {
    private func remove(_ name: String, _ world: inout WriterUnderTest) -> EndpointSettings? {
        let settings = world.memory.state.endpoints.first { $0.settings.name == name }?.settings
        world.memory.change { $0.endpoints.removeAll { $0.settings.name == name } }
        #expect(world.writer.flush().result == .written)
        #expect(world.directory.text()?.contains("name: \(name)") == false)
        return settings
    }

    /// With another identity, as at run time.
    private func add(_ settings: EndpointSettings, _ id: UInt32, _ world: inout WriterUnderTest) {
        world.memory.change { $0.endpoints.append(.init(id: id, settings: settings)) }
        #expect(world.writer.flush().result == .written)
    }

    @Test func comesBackByteForByte() throws {
        let text = ConfigurationDirectory.text.replacing(
            "enabled: true\n  - name: beta", with: "model_rewrite: x\n  - name: beta")
        var world = try WriterUnderTest(text)
        let alpha = try #require(remove("alpha", &world))
        let beta = try #require(remove("beta", &world))
        add(beta, 70, &world)
        add(alpha, 71, &world)
        #expect(world.directory.text() == text)
        // And again, under the identities they have now.
        _ = remove("alpha", &world)
        add(alpha, 72, &world)
        #expect(world.directory.text() == text)
    }

    @Test func whatElseChangedMeanwhileStays() throws {
        var world = try WriterUnderTest()
        let alpha = try #require(remove("alpha", &world))
        world.memory.setPriority("beta", 1)
        world.memory.setPriority("gamma", 2)
        #expect(world.writer.flush().result == .written)
        var last = alpha
        last.priority = 3
        add(last, 70, &world)
        let expected = ConfigurationDirectory.text
            .replacing("priority: 1   #", with: "priority: 9   #")
            .replacing("priority: 2", with: "priority: 1")
            .replacing("priority: 3", with: "priority: 2")
            .replacing("priority: 9   #", with: "priority: 3   #")
        #expect(world.directory.text() == expected)
    }

    @Test func aNewOneOfTheSameNameInheritsNothing() throws {
        var world = try WriterUnderTest()
        var alpha = try #require(remove("alpha", &world))
        alpha.url = "http://127.0.0.1:9"
        add(alpha, 70, &world)
        let text = try #require(world.directory.text())
        #expect(!text.contains("the first"))
        #expect(text.contains("127.0.0.1:9"))
    }

    @Test func anEditByOthersIsNotTakenBack() throws {
        var world = try WriterUnderTest()
        let alpha = try #require(remove("alpha", &world))
        let edited = try #require(world.directory.text()).replacing("# Kept by hand.", with: "# Edited by hand.")
        try world.directory.replace(edited)
        add(alpha, 70, &world)
        let text = try #require(world.directory.text())
        #expect(text.hasPrefix("# Edited by hand.\n"))
        #expect(text.contains("name: alpha"))
    }
}
