internal import PodiumModel

/// One line of the keymap: it feeds dispatch, the bottom bar, the help overlay and the documentation.
public struct Binding: Sendable {
    /// What it does.
    public let action: ConsoleAction
    /// Any of these.
    public let keys: [Key]
    /// Where it applies.
    public let context: KeyContext
    /// The help column it stands in.
    public let group: Group
    /// A word or two, for the bar and the help.
    public let label: String
    /// A whole sentence for the documentation.
    public let help: String
    /// Lower numbers are shown in the bottom bar first; nil keeps it out.
    let bar: Int?
    /// Bindings that share it stand together in the bar.
    let barLabel: String
    /// True when it changes the proxy or its file, so that a read-only console leaves it out.
    let changes: Bool

    init(
        _ action: ConsoleAction, _ keys: [Key], _ label: String, _ help: String, in context: KeyContext = .main,
        group: Group, bar: Int? = nil, barLabel: String? = nil, changes: Bool = false
    ) {
        self.action = action
        self.keys = keys
        self.label = label
        self.help = help
        self.context = context
        self.group = group
        self.bar = bar
        self.barLabel = barLabel ?? label
        self.changes = changes
    }

    /// A column of the help.
    public enum Group: String, Sendable, CaseIterable {
        case move = "MOVE"
        case endpoint = "ENDPOINT"
        case persister = "PERSISTER"
        case view = "VIEW"
        case program = "PROGRAM"
        case dialog = "DIALOGS"
    }

    func with(keys: [Key]) -> Binding {
        Binding(
            action, keys, label, help, in: context, group: group, bar: bar, barLabel: barLabel, changes: changes)
    }

    /// Its keys as shown, such as `↑ k`.
    public var keyNames: String { keyNames(isASCII: false) }

    func keyNames(isASCII: Bool) -> String { keys.map { $0.name(isASCII: isASCII) }.joined(separator: " ") }
}
