import Configuration
import PodiumModel
import Ranking
import TestSupport

@testable import Engine
@testable import Persistence

/// Files as people write them, what operators do, and what people do to files by hand; all from one seed.
struct SessionScript {
    var random: SeededRandom
    private var fresh = 0

    init(seed: UInt64) {
        random = SeededRandom(seed: seed &* 77 &+ 5)
    }

    mutating func chance(_ parts: Int) -> Bool { Int.random(in: 0..<parts, using: &random) == 0 }
    mutating func pick<Element>(_ list: [Element]) -> Element? { list.randomElement(using: &random) }
    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    // MARK: Files

    mutating func file() -> String {
        var lines: [String] = []
        if chance(2) { lines += ["# Kept by hand.", ""] }
        if !chance(4) {
            lines += ["server:"]
            if chance(2) { lines.append("  port: 8080   # ours") }
            lines.append("  auto_sort_endpoints: \(chance(3) ? "true" : "false")  # sorting")
            if chance(3) { lines.append("  persist_strategy: \(pick(["immediate", "throttled", "batched"]) ?? "")") }
            if chance(3) { lines.append("") }
        }
        lines.append("endpoints:" + (chance(4) ? "   # in order" : ""))
        let style = number(0...3)
        for index in 0..<number(1...6) { lines += entry("e\(index)", number: index, style: style) }
        if chance(3) { lines += ["", "# The end."] }
        if chance(4) { lines += ["timeouts:", "  connect: 7s"] }
        let lineBreak = chance(6) ? "\r\n" : "\n"
        return lines.joined(separator: lineBreak) + (chance(4) ? "" : lineBreak)
    }

    mutating func entry(_ name: String, number index: Int, style: Int) -> [String] {
        let port = 9_000 + index
        let priority: String? =
            switch style {
            case 0: nil
            case 1: "\((index + 1) * 10)"
            case 2: "\(index + 1)"
            default: chance(2) ? "\(number(1...9))" : nil
            }
        if chance(6) {
            var parts = ["name: \(name)", "url: 'http://127.0.0.1:\(port)'"]
            if let priority { parts.append("priority: \(priority)") }
            return ["  - { \(parts.joined(separator: ", ")) }"]
        }
        var lines: [String] = []
        if chance(4) { lines.append("  # About \(name).") }
        lines.append("  - name: \(chance(3) ? "\"\(name)\"" : name)" + (chance(4) ? "   # its name" : ""))
        lines.append("    url: " + (pick(["", "'", "\""]).map { "\($0)http://127.0.0.1:\(port)\($0)" } ?? ""))
        if let priority { lines.append("    priority: \(priority)" + (chance(3) ? "  # rank" : "")) }
        if chance(3) { lines.append("    enabled: \(chance(2) ? "false" : "yes")") }
        if chance(4) { lines.append("    pinned: \(chance(2) ? "true" : "false")") }
        if chance(5) { lines.append("    model_rewrite: x   # unknown to Podium") }
        if chance(4) { lines += ["    tags:", "      - one   # first", "      - two"] }
        if chance(5) { lines += ["    headers:", "      X-Team: \"blue\"   # ours", "      X-Other: 'a'"] }
        if chance(5) { lines.append("") }
        return lines
    }

    // MARK: Commands

    mutating func command(_ names: [String]) -> Command? {
        func target(_ name: String) -> CommandTarget { CommandTarget(name: name) }
        let name = pick(names)
        switch number(0...13) {
        case 0, 1: return name.map { .move(target($0), toRank: number(1...max(1, names.count))) }
        case 2: return name.map { .setEnabled(target($0), true) }
        case 3, 4: return name.map { .setEnabled(target($0), false) }
        case 5: return name.map { .setPinned(target($0), true) }
        case 6: return name.map { .setPinned(target($0), false) }
        case 7: return .sortNow
        case 8: return .setAutoSort(chance(2))
        case 9, 10: return name.map { .remove(target($0)) }
        case 11: return .add(edit(newName(), names.count + 1))
        default: return name.map { .update(target($0), edit(chance(3) ? newName() : $0, names.count)) }
        }
    }

    private mutating func newName() -> String {
        fresh += 1
        return pick(["n\(fresh)", "Name \(fresh)", "it's \(fresh)", "\(fresh)e\(fresh)"]) ?? "n"
    }

    private mutating func edit(_ name: String, _ count: Int) -> EndpointPatch {
        var edit = EndpointPatch(name: name, url: "http://127.0.0.1:\(number(7_000...7_009))")
        edit[.enabled] = .boolean(!chance(4))
        edit[.pinned] = .boolean(chance(4))
        if chance(3) { edit[.priority] = .integer(number(1...max(1, count))) }
        if chance(3) { edit[.tags] = .list(pick([[], ["one"], ["two", "three"], ["one", "two", "a, b"]]) ?? []) }
        if chance(3) { edit[.headers] = pick([.headers([]), .headers([.init(name: "X-Team", value: "red")])]) }
        if chance(5) { edit[.openAIPreference] = .text("responses") }
        return edit
    }

    // MARK: Edits by hand

    /// One edit of a text, by lines, as somebody with an editor makes it. What comes out may be no valid file.
    mutating func handEdit(_ text: String) -> String {
        let lineBreak = text.contains("\r\n") ? "\r\n" : "\n"
        var lines = text.replacing("\r\n", with: "\n").split(separator: "\n", omittingEmptySubsequences: false)
            .map(String.init)
        let starts = lines.indices.filter { lines[$0].hasPrefix("  - ") }
        func block(_ start: Int) -> Range<Int> {
            let rest = lines[(start + 1)...].firstIndex { $0.hasPrefix("  - ") || ($0.first.map { $0 != " " } ?? true) }
            return start..<(rest ?? lines.count)
        }
        switch number(0...10) {
        case 0: lines.insert("# Note \(number(1...99))", at: 0)
        case 1:
            fresh += 1
            let entry = self.entry("h\(fresh)", number: number(0...90), style: number(0...3))
            let place = pick(starts + [starts.last.map { block($0).upperBound } ?? lines.count]) ?? lines.count
            if !starts.isEmpty { lines.insert(contentsOf: entry, at: place) }
        case 2: if starts.count > 1, let start = pick(starts) { lines.removeSubrange(block(start)) }
        case 3:
            if let start = pick(starts), !lines[start].contains("{") {
                lines.insert("    tags: [hand]", at: start + 1)
            }
        case 4, 5:
            let places = lines.indices.filter { lines[$0].contains("priority: ") }
            if let place = pick(places) {
                lines[place].replace(#/priority: \d+/#, with: { _ in "priority: \(number(1...9))" })
            }
        case 6:
            let places = lines.indices.filter { lines[$0].contains("enabled: ") }
            if let place = pick(places) {
                lines[place].replace(#/enabled: \w+/#, with: { _ in "enabled: \(chance(2) ? "true" : "false")" })
            }
        case 7: if let place = pick(Array(lines.indices)), !lines[place].isEmpty { lines[place] += "   # seen" }
        case 8:
            if starts.count > 1, let start = pick(starts), let other = pick(starts), start != other {
                let (first, second) = (block(min(start, other)), block(max(start, other)))
                let (left, right) = (Array(lines[first]), Array(lines[second]))
                lines.replaceSubrange(second, with: left)
                lines.replaceSubrange(first, with: right)
            }
        case 9:
            if let place = pick(lines.indices.filter { lines[$0].contains("url: ") }) {
                lines[place].replace(#/127.0.0.1:\d+/#, with: { _ in "127.0.0.1:\(number(5_000...5_009))" })
            }
        default:
            if let place = pick(lines.indices.filter { lines[$0].contains("auto_sort_endpoints: ") }) {
                lines[place].replace(#/endpoints: \w+/#, with: { _ in "endpoints: \(chance(2) ? "true" : "false")" })
            }
        }
        return lines.joined(separator: lineBreak)
    }

    // MARK: Traffic

    mutating func outcome() -> AttemptOutcome {
        switch number(0...4) {
        case 0: .failure(.connect)
        case 1: .rateLimited(retryAfter: .seconds(20))
        default: .success(timeToFirstByte: .milliseconds(number(5...900)))
        }
    }
}
