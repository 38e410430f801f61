internal import PodiumModel

/// The form for one endpoint: what was typed, what is wrong with it, and what saving would change.
struct EndpointForm: Sendable, Equatable {
    typealias Field = EndpointField

    enum Focus: Sendable, Hashable {
        case field(Field)
        case save, test, cancel
    }

    enum Outcome {
        case stay, cancel, save, test
        /// Nothing was done, and why.
        case refused(String)
    }

    enum TestReport: Sendable, Equatable {
        case running(since: ContinuousClock.Instant)
        case done(isGood: Bool, text: String)
    }

    /// What saving would do to the file.
    enum Preview: Sendable, Equatable {
        case lines([DifferenceLine])
        case refused(String)
        /// Nobody here can compare: the words of the form have to do.
        case unknown
    }

    /// Everything that can be typed or chosen.
    struct Typed: Sendable, Equatable {
        var name: String
        var editors: [Field: LineEditor]
        var choices: [Field: String]
        var flags: [Field: Bool]
    }

    enum Held: Sendable, Equatable {
        case key(Key)
        case step(ConsoleAction)
        case paste(String)
    }

    /// What a preview depends on: another of these makes another difference.
    struct Comparison: Sendable, Equatable {
        var draft: EndpointPatch
        var revision: UInt64?
        var file: FileGeneration
    }

    /// Rises with whatever else stands in the file, or is about to.
    struct FileGeneration: Sendable, Equatable {
        var writes: UInt64
        var marks: UInt64
        var merged: UInt64
        var size: UInt64?
        var problem: String?

        init(_ persister: Snapshot.Persister) {
            writes = persister.writes
            marks = persister.marks
            merged = persister.externalEditsMerged
            size = persister.file?.size
            problem = persister.refusedFile
        }
    }

    /// nil when adding.
    private(set) var original: Snapshot.Endpoint?
    private var otherNames: Set<String>
    private(set) var ranks: Int
    var focus = Focus.field(.name)
    /// Of the fields that are typed.
    var editors: [Field: LineEditor] = [:]
    /// The words of the fields of which one is chosen.
    var choices: [Field: String] = [:]
    /// The boxes that are checked or not.
    var flags: [Field: Bool] = [:]
    /// The operator decided on `authType`: until then it follows what is typed.
    var isAuthChosen = false
    var isSaving = false
    /// What the save under way, or the last one, was given.
    var saved: Typed?
    /// Keys and pastes that came while it was: they are typed if the form stays.
    var held: [Held] = []
    /// Esc was pressed while saving: the next one leaves.
    var isAskedToLeave = false
    var refusal: CommandRefusal?
    var revealedUntil: ContinuousClock.Instant?
    var testReport: TestReport?
    var preview: Preview?
    /// What the preview is, or will be, made from.
    var compared: Comparison?
    /// How far the difference is scrolled while it is open; nil while the form is.
    var differenceScroll: Int?
    /// Somebody changed the endpoint first, or it is in memory alone: the next picture brings its values.
    var awaitsRebase = false
    /// What somebody else gave the fields that were changed here as well.
    var theirs: [Field: String] = [:]
    /// When what is in memory and not on disk yet was given; nil where everything saved is on disk.
    var keptSince: ContinuousClock.Instant?
    /// Fields the operator has been in: an empty form does not scold.
    var touched: Set<Field> = []

    /// The rows: the table's fields, and its switches last.
    static let fields = EndpointField.current.filter { !$0.isSwitch } + EndpointField.current.filter(\.isSwitch)
    static let order: [Focus] = fields.map { .field($0) } + [.save, .test, .cancel]
    static let textFields = fields.filter(\.isTyped)

    init(adding snapshot: ConsolePicture) {
        self.init(nil, snapshot)
        authType = .authToken
    }

    init(editing endpoint: Snapshot.Endpoint, in snapshot: ConsolePicture) {
        self.init(endpoint, snapshot)
    }

    private init(_ original: Snapshot.Endpoint?, _ snapshot: ConsolePicture) {
        self.original = original
        otherNames = Set(snapshot.endpoints.filter { $0.id != original?.id }.map(\.name))
        ranks = snapshot.endpoints.count + (original == nil ? 1 : 0)
        for field in Self.fields {
            switch (field.kind, Self.value(field, of: original)) {
            case (.choice, .text(let word)): choices[field] = word
            case (.flag, .boolean(let flag)): flags[field] = flag
            default: editors[field] = LineEditor(original.map { Self.originalText(field, $0) } ?? "")
            }
        }
    }

    /// What the endpoint has; for a new one, what one has that names nothing.
    static func value(_ field: Field, of endpoint: Snapshot.Endpoint?) -> FieldValue {
        endpoint?.settings.effectiveValue(of: field) ?? field.defaultValue
    }

    func text(_ field: Field) -> String { editors[field]?.text ?? "" }

    /// What the form changes: what was not edited is not in it, also where the screen could not show all of it.
    var draft: EndpointPatch {
        var patch = EndpointPatch()
        for field in Self.fields where isChanged(field) { patch[field] = entered(field) }
        if original == nil {
            patch[.name] = .text(name)
            patch[.authType] = .text(authType.rawValue)
        }
        if removesSecret { patch[Self.secretField] = .absent }
        // A rank asked for is a pin, unless the box says otherwise.
        if patch[.priority] != nil { patch[.pinned] = flags[.pinned].map(FieldValue.boolean) }
        return patch
    }

    /// The endpoint's name once the form is saved.
    var name: String { isEdited(.name) ? trimmed(.name) : original?.name ?? "" }

    /// What stands in the form as the field's value; nil where that is none.
    func entered(_ field: Field) -> FieldValue? {
        let text = trimmed(field)
        switch field.kind {
        case .choice: return choices[field].map(FieldValue.text)
        case .flag: return flags[field].map(FieldValue.boolean)
        case .secret: return .text(self.text(field))
        case .words: return .list(Self.words(text))
        case .headers: return .headers(parsedHeaders.headers)
        case .rank: return Int(text).map(FieldValue.integer)
        case .integer: return text.isEmpty ? .absent : Int(text).map(FieldValue.integer)
        case .name: return .text(text)
        case .text, .file, .url, .proxy: return text.isEmpty ? .absent : .text(text)
        }
    }

    var parsedHeaders: (headers: [HeaderField], problem: String?) {
        HeaderText.parse(text(.headers), of: original?.headers ?? [])
    }

    /// The command that saves the form; nil when there is nothing to save or something is wrong.
    var command: Command? {
        guard !isSaving, problems.isEmpty, !changes.isEmpty else { return nil }
        guard let original else { return .add(draft) }
        return .update(original.target, draft)
    }

    /// Whether anything would be lost by closing.
    var hasInput: Bool { original == nil ? Self.textFields.contains { !text($0).isEmpty } : !changes.isEmpty }

    func isEdited(_ field: Field) -> Bool {
        guard let original else { return !text(field).isEmpty }
        let before = EndpointForm.originalText(field, original)
        return text(field) != SafeText.clean(before)
    }

    /// What a field's line begins with. Secrets are typed anew, and ranks are those of now.
    static func originalText(_ field: Field, _ original: Snapshot.Endpoint) -> String {
        switch field.kind {
        case .secret: ""
        case .rank: String(original.rank)
        default: field.text(of: value(field, of: original))
        }
    }

    func trimmed(_ field: Field) -> String {
        var text = Substring(text(field))
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }

    private static func words(_ text: String) -> [String] {
        text.split(separator: ",").map { part in
            var part = part
            while part.first == " " { part.removeFirst() }
            while part.last == " " { part.removeLast() }
            return String(part)
        }.filter { !$0.isEmpty }
    }

    func isTaken(_ name: String) -> Bool { otherNames.contains(name) }
}

extension EndpointField {
    /// Whether its row of the form is a line to type in.
    var isTyped: Bool {
        switch kind {
        case .choice, .flag: false
        default: true
        }
    }

    /// Whether it is on or off, and has a key of its own in the list of endpoints.
    fileprivate var isSwitch: Bool {
        if case .flag = kind { traits.contains(.rankOrSwitch) } else { false }
    }
}
