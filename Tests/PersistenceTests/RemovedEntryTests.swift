import Configuration
import PodiumModel
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
        add(beta, 1, &world)
        add(alpha, 0, &world)
        #expect(world.directory.text() == text)
        _ = remove("alpha", &world)
        add(alpha, 0, &world)
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
        add(last, 0, &world)
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

    /// What stands between is neither in the way nor taken back, however often it was saved.
    @Test func comesBackIntoAFileThatOthersHaveEditedSince() throws {
        var world = try WriterUnderTest()
        let alpha = try #require(remove("alpha", &world))
        for text in ["# Edited by hand.", "# Edited again."] {
            let line = try #require(world.directory.text()?.split(separator: "\n").first)
            try world.directory.replace(try #require(world.directory.text()).replacing(line, with: text))
            world.memory.setPriority("gamma", text.count)
            #expect(world.writer.flush().result == .written)
        }
        add(alpha, 0, &world)
        world.memory.setPriority("gamma", 3)
        #expect(world.writer.flush().result == .written)
        #expect(
            world.directory.text()
                == ConfigurationDirectory.text.replacing("# Kept by hand.", with: "# Edited again."))
    }

    struct Neighbourhood: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var edit: @Sendable (String) -> String
    }

    static let neighbourhoods = [
        Neighbourhood(testDescription: "the entry behind is edited") {
            $0.replacing("name: gamma", with: "name: gamma # mine")
        },
        Neighbourhood(testDescription: "the line before is edited") {
            $0.replacing("    enabled: true\n  - name: gamma", with: "    tags: [x]\n  - name: gamma")
        },
        Neighbourhood(testDescription: "an entry is put in its place") {
            $0.replacing("  - name: gamma", with: "  - name: delta\n    url: http://127.0.0.1:4\n  - name: gamma")
        },
        Neighbourhood(testDescription: "everything around it is rewritten") {
            $0.replacing("    enabled: true\n  - name: gamma", with: "    tags: [x]\n  - name: gamma # mine")
        },
    ]

    /// The middle one of three, which has neighbours on both sides.
    @Test(arguments: neighbourhoods)
    func comesBackBesideWhatOthersHaveEdited(_ neighbourhood: Neighbourhood) throws {
        let entry =
            "  - name: beta # the middle one\n    url: 'http://127.0.0.1:2'\n    model_rewrite: x\n    priority: 2\n"
        let text = ConfigurationDirectory.text.replacing(
            "  - name: beta\n    url: http://127.0.0.1:2\n    priority: 2\n", with: entry)
        var world = try WriterUnderTest(text)
        let beta = try #require(remove("beta", &world))
        let edited = neighbourhood.edit(try #require(world.directory.text()))
        #expect(edited != world.directory.text())
        try world.directory.replace(edited)
        #expect(world.writer.flush().result == .unchanged)
        add(beta, 1, &world)
        let result = try #require(world.directory.text())
        #expect(result.contains(entry))
        // And out again, nothing of the edit is lost.
        _ = remove("beta", &world)
        #expect(world.directory.text() == edited)
    }

    /// Its lines were edited by hand after the program had changed them: then they are the author's.
    @Test func anEditOfTheVeryLinesIsTheAuthorsFromThenOn() throws {
        var world = try WriterUnderTest()
        world.moveGammaUp()
        #expect(world.writer.flush().result == .written)
        let edited = WriterUnderTest.moved.replacing("priority: 1", with: "priority: 1 # first by hand")
        try world.directory.replace(edited)
        #expect(world.writer.flush().result == .unchanged)
        let alpha = try #require(remove("alpha", &world))
        world.memory.setPriority("gamma", 3)
        #expect(world.writer.flush().result == .written)
        world.memory.setPriority("gamma", 1)
        add(alpha, 0, &world)
        #expect(world.directory.text() == edited)
    }

    /// Where its own lines are lost, it still stands where memory has it.
    @Test func oneWithoutLinesOfItsOwnComesInWhereItBelongs() throws {
        var world = try WriterUnderTest()
        var delta = EndpointSettings(name: "delta")
        delta.url = "http://127.0.0.1:4"
        delta.priority = 2
        for (index, place) in [(0, 1), (1, 0), (2, 5)] {
            world.memory.change {
                $0.endpoints.insert(.init(id: UInt32(70 + index), settings: delta), at: min(place, $0.endpoints.count))
            }
            #expect(world.writer.flush().result == .written)
            let loaded = try LoadedBase.read(world.directory)
            #expect(loaded.state.names == world.memory.state.names)
            delta.name += "x"
        }
    }
}
