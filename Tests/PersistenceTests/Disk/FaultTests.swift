import Foundation
import Testing

@testable import Persistence

/// Every call of a flush fails in turn, until a flush runs through without reaching the failing one.
@Suite struct FaultTests {
    /// More calls than a flush makes.
    static let bound = 200

    @Test(arguments: [EIO, ENOSPC, EINTR, EACCES, EDQUOT, EROFS], [true, false])
    func eachCallFailsOnce(_ errno: Int32, exchange: Bool) throws {
        for number in 1...Self.bound {
            var world = try WriterUnderTest()
            world.moveGammaUp()
            if !exchange { world.interference.always(.exchange, .fail(ENOSYS)) }
            world.interference.fail(call: number, with: errno)
            let run = world.writer.flush()
            let calls = world.interference.calls
            let reached = calls.count >= number
            let failed = reached ? calls[number - 1] : nil
            let text = world.directory.text()
            #expect(text == ConfigurationDirectory.text || text == WriterUnderTest.moved, "\(number): \(failed as Any)")
            if errno == EINTR { #expect(run.result == .written, "\(number): \(failed as Any)") }
            if run.result == .written {
                #expect(text == WriterUnderTest.moved, "\(number): acknowledged, not written")
            } else {
                #expect(run.unsaved, "\(number): \(failed as Any) failed and was forgotten")
            }
            #expect(world.directory.leftovers.count <= (failed == .unlink || failed == .exchange ? 1 : 0), "\(number)")
            world.interference.reset()
            #expect([.written, .unchanged].contains(world.writer.flush().result), "\(number)")
            #expect(world.directory.text() == WriterUnderTest.moved)
            if !reached { return }
        }
        Issue.record("a flush makes more than \(Self.bound) calls")
    }

    @Test func writesAreCutShortAndContinued() throws {
        for length in [1, 7, 100] {
            var world = try WriterUnderTest()
            world.moveGammaUp()
            world.interference.always(.write, .shorten(to: length))
            world.interference.always(.read, .shorten(to: length))
            #expect(world.writer.flush().result == .written)
            #expect(world.directory.text() == WriterUnderTest.moved)
        }
    }

    /// The process is gone before any one of its calls. What it leaves is the old file or the new one, whole, and the next
    /// process goes on from there.
    @Test(arguments: [true, false])
    func aCrashBeforeEachCallLeavesTheOldFileOrTheNew(exchange: Bool) throws {
        var seen: Set<String> = []
        for number in 1...Self.bound {
            let directory = try ConfigurationDirectory()
            var world: WriterUnderTest? = try WriterUnderTest(directory)
            world?.moveGammaUp()
            if !exchange { world?.interference.always(.exchange, .fail(ENOSYS)) }
            world?.interference.crash(atCall: number)
            let result = world?.writer.flush().result
            let crashed = world?.interference.crashed ?? false
            let text = try #require(directory.text(), "no file at all before call \(number)")
            #expect(text == ConfigurationDirectory.text || text == WriterUnderTest.moved, "\(number)")
            if result == .written { #expect(text == WriterUnderTest.moved, "acknowledged, not written") }
            seen.insert(text)
            world = nil

            var next = try WriterUnderTest(directory)
            _ = next.writer.sweepOrphans()
            // Of the two versions the file does not hold, the old one is never lost: it is the file or its backup.
            let kept = [directory.text(), directory.text("config.yaml.backup")]
            #expect(kept.contains(ConfigurationDirectory.text), "\(number): the old version is gone")
            #expect(directory.leftovers.allSatisfy { $0 == "config.yaml.recovered" }, "\(number)")
            next.moveGammaUp()
            #expect([.written, .unchanged].contains(next.writer.flush().result))
            #expect(directory.text() == WriterUnderTest.moved)
            if !crashed {
                #expect(seen.count == 2)
                return
            }
        }
        Issue.record("a flush makes more than \(Self.bound) calls")
    }
}
