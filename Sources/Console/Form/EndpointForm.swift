internal import PodiumModel

/// The form for one endpoint: what was typed, what is wrong with it, and what saving would change.
struct EndpointForm: Sendable, Equatable {
    typealias Field = EndpointDraft.Field

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
        var authType: AuthType
        var openAIPreference: OpenAIPreference
        var isEnabled: Bool
        var isPinned: Bool
    }

    enum Held: Sendable, Equatable {
        case key(Key)
        case step(ConsoleAction)
        case paste(String)
    }

    /// What a preview depends on: another of these makes another difference.
    struct Comparison: Sendable, Equatable {
        var draft: EndpointDraft
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
    var editors: [Field: LineEditor] = [:]
    var authType: AuthType
    /// The operator decided on `authType`: until then it follows what is typed.
    var isAuthChosen = false
    var openAIPreference = OpenAIPreference.auto
    var isEnabled: Bool
    var isPinned: Bool
    var isSaving = false
    /// What the save under way, or the last one, was given.
    var saved: Typed?
    /// Keys and pastes that came while it was: they are typed if the form stays.
    var held: [Held] = []
    /// Esc was pressed while saving: the next one leaves.
    var isAskedToLeave = false
    var refusal: CommandFailure?
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

    static let order: [Focus] = Field.allCases.map { .field($0) } + [.save, .test, .cancel]
    static let textFields: [Field] = [
        .name, .url, .urlAnthropic, .urlOpenAI, .secret, .priority, .tags, .headers, .proxy,
    ]

    init(adding snapshot: ConsolePicture) {
        self.init(nil, snapshot, authType: .authToken, isEnabled: true, isPinned: false)
    }

    init(editing endpoint: Snapshot.Endpoint, in snapshot: ConsolePicture) {
        self.init(
            endpoint, snapshot, authType: endpoint.auth, isEnabled: endpoint.enabled, isPinned: endpoint.pinned)
        openAIPreference = endpoint.preference
        for field in Self.textFields { editors[field] = LineEditor(Self.originalText(field, endpoint)) }
    }

    private init(
        _ original: Snapshot.Endpoint?, _ snapshot: ConsolePicture, authType: AuthType, isEnabled: Bool,
        isPinned: Bool
    ) {
        self.original = original
        self.authType = authType
        self.isEnabled = isEnabled
        self.isPinned = isPinned
        otherNames = Set(snapshot.endpoints.filter { $0.id != original?.id }.map(\.name))
        ranks = snapshot.endpoints.count + (original == nil ? 1 : 0)
        for field in Self.textFields { editors[field] = LineEditor() }
    }

    func text(_ field: Field) -> String { editors[field]?.text ?? "" }

    var draft: EndpointDraft {
        var draft = original.map { EndpointDraft($0) } ?? EndpointDraft()
        // What was not edited goes back as it came, also where the screen could not show all of it.
        if isEdited(.name) { draft.name = trimmed(.name) }
        if isEdited(.url) { draft.url = filled(.url) }
        if isEdited(.urlAnthropic) { draft.urlAnthropic = filled(.urlAnthropic) }
        if isEdited(.urlOpenAI) { draft.urlOpenAI = filled(.urlOpenAI) }
        if isEdited(.tags) { draft.tags = tags }
        if isEdited(.headers) { draft.headers = parsedHeaders.headers }
        if isEdited(.proxy) { draft.proxy = filled(.proxy).map { .set($0) } ?? .removed }
        draft.openAIPreference = openAIPreference
        draft.authType = authType
        draft.isEnabled = isEnabled
        draft.isPinned = isPinned
        if isEdited(.priority) { draft.priority = Int(trimmed(.priority)) }
        if !text(.secret).isEmpty {
            draft.secret = .set(text(.secret))
        } else if authType == .none, original?.maskedSecret != nil {
            draft.secret = .removed
        }
        return draft
    }

    var parsedHeaders: (headers: [EndpointDraft.Header], problem: String?) {
        HeaderText.parse(text(.headers), of: original?.headers ?? [])
    }

    /// The command that saves the form; nil when there is nothing to save or something is wrong.
    var command: ConsoleCommand? {
        guard !isSaving, problems.isEmpty, !changes.isEmpty else { return nil }
        guard let original else { return .add(draft) }
        return .update(original.reference, draft)
    }

    /// Whether anything would be lost by closing.
    var hasInput: Bool { original == nil ? Self.textFields.contains { !text($0).isEmpty } : !changes.isEmpty }

    func isEdited(_ field: Field) -> Bool {
        guard let original else { return !text(field).isEmpty }
        let before = EndpointForm.originalText(field, original)
        return text(field) != SafeText.clean(before)
    }

    static func originalText(_ field: Field, _ original: Snapshot.Endpoint) -> String {
        switch field {
        case .name: original.name
        case .url: original.url ?? ""
        case .urlAnthropic: original.urlAnthropic ?? ""
        case .urlOpenAI: original.urlOpenAI ?? ""
        case .priority: String(original.rank)
        case .tags: original.tags.joined(separator: ", ")
        case .headers: HeaderText.render(original.headers)
        case .proxy: original.proxy ?? ""
        default: ""
        }
    }

    func trimmed(_ field: Field) -> String {
        var text = Substring(text(field))
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return String(text)
    }

    private func filled(_ field: Field) -> String? {
        let text = trimmed(field)
        return text.isEmpty ? nil : text
    }

    private var tags: [String] {
        text(.tags).split(separator: ",").map { part in
            var part = part
            while part.first == " " { part.removeFirst() }
            while part.last == " " { part.removeLast() }
            return String(part)
        }.filter { !$0.isEmpty }
    }

    func isTaken(_ name: String) -> Bool { otherNames.contains(name) }
}
