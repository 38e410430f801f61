import TestSupport
import Configuration
import PodiumModel
import Foundation
import Testing

@testable import Engine
@testable import Persistence

/// Whatever happened in between: at rest memory and file say the same, and what was undone has left no trace.
struct SessionTests {
    private static func count(_ name: String, _ usual: Int) -> UInt64 {
        ProcessInfo.processInfo.environment[name].flatMap(UInt64.init) ?? UInt64(usual)
    }

    /// For one session alone, to look into a failure.
    private static let first = ProcessInfo.processInfo.environment["PODIUM_SESSION_SEED"].flatMap(UInt64.init) ?? 0

    private static func isValid(_ text: String) -> Bool {
        ConfigurationLoader.load(bytes: Array(text.utf8), environment: [:]).configuration != nil
    }

    /// Commands, hand edits, traffic, undo and redo, restarts, on disks of every kind.
    @Test func atRestTheFileSaysWhatMemoryHolds() throws {
        var failed = 0
        for seed in Self.first..<(Self.first + Self.count("PODIUM_SESSIONS", 150)) where failed < 3 {
            var script = SessionScript(seed: seed)
            let text = script.file()
            try #require(Self.isValid(text), "\(text)")
            let world = try SessionWorld(text, seed: seed)
            var steps: [String] = []
            for _ in 0..<script.number(3...25) { try Self.step(world, &script, &steps) }
            let found = world.differencesAtRest()
            if !found.isEmpty {
                failed += 1
                Issue.record(
                    "session \(seed): \(found.joined(separator: "\n"))\n\(steps.joined(separator: "\n"))\nbegan:\n\(text)\nended:\n\(world.text)"
                )
            }
        }
    }

    private static func step(_ world: SessionWorld, _ script: inout SessionScript, _ steps: inout [String]) throws {
        if script.chance(4) {
            world.disk = script.pick(SessionWorld.Disk.allCases) ?? .good
            steps.append("disk \(world.disk)")
        }
        switch script.number(0...11) {
        case 0, 1:
            let edited = script.handEdit(world.text)
            guard edited != world.text else { return }
            if isValid(edited) {
                let noticed = !script.chance(3)
                steps.append("hand edit\(noticed ? "" : ", unnoticed"):\n\(edited)")
                world.save(edited, noticed: noticed)
            } else if script.chance(3) {
                let right = world.text
                steps.append("hand edit that is wrong, and right again")
                world.save(edited)
                if let command = script.command(world.names()) { world.perform(command) }
                world.save(right)
            }
        case 2:
            steps.append("undo: \(world.perform(.undo))")
        case 3:
            steps.append("redo: \(world.perform(.redo))")
        case 4:
            for _ in 0..<script.number(1...6) {
                guard let name = script.pick(world.names()) else { continue }
                let outcome = script.outcome()
                steps.append("\(name): \(outcome)")
                world.outcome(outcome, of: name)
                world.advance(.seconds(script.number(0...20)))
            }
        case 5:
            steps.append("time passes")
            world.advance(.seconds(script.number(1...200)))
        case 6 where script.chance(3):
            steps.append("restart")
            try world.restart()
        default:
            if world.disk == .slow, let command = script.command(world.names()) {
                let given = script.chance(2) ? Command.undo : command
                steps.append("during the next write: \(given)")
                world.giveDuringNextWrite(given)
            }
            guard let command = script.command(world.names()) else { return }
            steps.append("\(command): \(world.perform(command))")
        }
    }

    /// Any number of commands, taken back one by one, on whatever disk: each step gives the bytes that were there before it,
    /// and the last one those that the session began with.
    @Test func whatIsUndoneStepByStepLeavesTheBytesItFound() throws {
        var failed = 0
        for seed in Self.first..<(Self.first + Self.count("PODIUM_UNDONE_SESSIONS", 120)) where failed < 3 {
            var script = SessionScript(seed: seed)
            let text = script.file()
            try #require(Self.isValid(text), "\(text)")
            let world = try SessionWorld(text, seed: seed)
            // What the file means and does not say is saved first.
            let found = world.differencesAtRest()
            try #require(found.isEmpty, "session \(seed): \(found)\n\(text)")
            var versions = [world.text]
            var steps: [String] = []
            let isOnGoodDisk = script.chance(2)
            for _ in 0..<script.number(1...25) {
                if !isOnGoodDisk { world.disk = script.pick([.good, .failing, .full, .unsure]) ?? .good }
                guard let command = script.command(world.names()) else { continue }
                let made = world.actionsMade
                world.perform(command)
                guard world.actionsMade != made else { continue }
                steps.append("\(command)")
                versions.append(world.text)
            }
            if script.chance(2), !steps.isEmpty {
                // There and back again changes nothing.
                for command in [Command.undo, .redo, .undo, .undo, .redo, .redo] { world.perform(command) }
            }
            var problem: String?
            while let version = versions.popLast() {
                if isOnGoodDisk || versions.isEmpty {
                    world.disk = .good
                    _ = world.flush(.operator)
                    if world.text != version, problem == nil { problem = "\(versions.count) steps before:\n\(version)" }
                }
                if !versions.isEmpty { world.perform(.undo) }
            }
            if let problem {
                failed += 1
                Issue.record(
                    "session \(seed): \(problem)\nnow:\n\(world.text)\n\(steps.joined(separator: "\n"))\nbegan:\n\(text)"
                )
            }
        }
    }
}
