internal import PodiumModel

/// Keys that the configuration gives an action of the main screen, in place of its own.
public struct KeyOverride: Sendable, Equatable {
    /// The action's name, as `:` takes it.
    public var command: String
    /// As ``Key/init(name:)`` reads them; none leaves the action to `:`.
    public var keys: [String]

    /// Keys for an action.
    public init(command: String, keys: [String]) {
        self.command = command
        self.keys = keys
    }
}

/// Why an override is not used; the action keeps the keys it has.
public struct KeyOverrideProblem: Sendable, Equatable {
    /// Index of the override.
    public var override: Int
    /// Index of the key in it; nil where the command is meant.
    public var key: Int?
    /// One sentence without a full stop.
    public var message: String
    /// What to do about it.
    public var fix: String
}

extension Keymap {
    /// The keymap with the overrides that can be used, and what is wrong with the others.
    public func overridden(by overrides: [KeyOverride]) -> (keymap: Keymap, problems: [KeyOverrideProblem]) {
        var problems: [KeyOverrideProblem] = []
        var accepted: [ConsoleAction: [Key]] = [:]
        for (index, override) in overrides.enumerated() {
            guard let binding = bindings(in: .main).first(where: { $0.action.rawValue == override.command }) else {
                let names = bindings(in: .main).map(\.action.rawValue)
                problems.append(
                    KeyOverrideProblem(
                        override: index, message: "'\(SafeText.clean(override.command))' is no action of the console",
                        fix: "use one of \(names.joined(separator: ", "))"))
                continue
            }
            switch Self.read(override, index, binding) {
            case .success(let keys): accepted[binding.action] = keys
            case .failure(let failure): problems.append(failure.problem)
            }
        }
        // A key taken away from one action and given to no other would be lost without a word.
        for (index, override) in overrides.enumerated() {
            guard let action = ConsoleAction(rawValue: override.command), let keys = accepted[action],
                let clash = clash(of: keys, for: action, accepted)
            else { continue }
            accepted[action] = nil
            problems.append(
                KeyOverrideProblem(
                    override: index, key: clash.key,
                    message: "the key \(keys[clash.key].name) belongs to \(clash.owner.rawValue)",
                    fix: "choose another, or give \(clash.owner.rawValue) other keys"))
        }
        return (
            Keymap(bindings.map { $0.context == .main ? $0.with(keys: accepted[$0.action] ?? $0.keys) : $0 }), problems
        )
    }

    private static func read(
        _ override: KeyOverride, _ index: Int, _ binding: Binding
    ) -> Result<[Key], KeyOverrideFailure> {
        var keys: [Key] = []
        for (place, name) in override.keys.enumerated() {
            guard let key = Key(name: name) else {
                return .failure(
                    KeyOverrideFailure(
                        problem: KeyOverrideProblem(
                            override: index, key: place, message: "'\(SafeText.clean(name))' is no key",
                            fix:
                                "write one character, ^X for Ctrl-X, F1 to F12, or one of \(Key.names.joined(separator: ", "))"
                        )))
            }
            if !keys.contains(key) { keys.append(key) }
        }
        if keys.isEmpty, binding.action == .quit || binding.action == .commandLine {
            return .failure(
                KeyOverrideFailure(
                    problem: KeyOverrideProblem(
                        override: index, message: "\(binding.action.rawValue) needs a key",
                        fix: "there would be no way to \(binding.action == .quit ? "leave" : "type a command")")))
        }
        return .success(keys)
    }

    private func clash(
        of keys: [Key], for action: ConsoleAction, _ accepted: [ConsoleAction: [Key]]
    ) -> (key: Int, owner: ConsoleAction)? {
        for (place, key) in keys.enumerated() {
            for binding in bindings(in: .main) where binding.action != action {
                if (accepted[binding.action] ?? binding.keys).contains(key) { return (place, binding.action) }
            }
        }
        return nil
    }
}

private struct KeyOverrideFailure: Error {
    var problem: KeyOverrideProblem
}

extension Key {
    private static let named: [(String, Key)] = [
        ("Enter", .enter), ("Esc", .escape), ("Tab", .tab), ("S-Tab", .backTab), ("Bksp", .backspace),
        ("Del", .delete), ("Ins", .insert), ("Up", .up), ("Down", .down), ("Left", .left), ("Right", .right),
        ("Home", .home), ("End", .end), ("PgUp", .pageUp), ("PgDn", .pageDown), ("space", .character(" ")),
    ]

    static var names: [String] { named.map(\.0) }

    /// A key by its name, such as `w`, `^P`, `F5`, `PgUp` or `space`; nil if there is none of that name.
    public init?(name: String) {
        if let found = Self.named.first(where: { $0.0.lowercased() == name.lowercased() }) {
            self = found.1
        } else if name.first == "F", let number = Int(name.dropFirst()), (1...12).contains(number) {
            self = .function(number)
        } else if name.count == 2, name.first == "^", let letter = name.last?.uppercased(),
            ("A"..."Z").contains(letter), !["H", "I", "J", "M"].contains(letter)
        {
            // Those four arrive as Backspace, Tab and Enter.
            self = .control(Character(letter))
        } else if name.count == 1, let character = name.first, SafeText.clean(name) == name {
            self = .character(character)
        } else {
            return nil
        }
    }
}
