internal import PodiumModel
internal import PureSupport

/// The form for one endpoint: what was typed, what is wrong with it, and what saving would change.
///
/// `ConsoleState` hands it keys and pictures, `FormOverlay` draws it. Its rows are those of `EndpointField`, so that a new field needs no
/// line here. An endpoint that others change while its form is open is taken over where the form was not edited, and where it
/// was, both values are shown: nothing that was typed is lost, and no change of others is undone unseen.
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
        /// The file cannot be compared with from here: the form's own summary has to do.
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
    private var isAuthChosen = false
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
    /// Others changed the endpoint first, or it is in memory alone: the next picture brings its values.
    var awaitsRebase = false
    /// What others gave the fields that were changed here as well.
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
        case .renamings:
            return .renamings(text.split(separator: ";").map { Renaming($0) }.filter { $0 != Renaming("") })
        case .headers: return .headers(parsedHeaders.headers)
        case .rank: return Int(text).map(FieldValue.integer)
        case .integer: return text.isEmpty ? .absent : Int(text).map(FieldValue.integer)
        case .name: return .text(text)
        case .text, .file, .url, .proxy: return text.isEmpty ? .absent : .text(text)
        }
    }

    private var parsedHeaders: (headers: [HeaderField], problem: String?) {
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
    private static func originalText(_ field: Field, _ original: Snapshot.Endpoint) -> String {
        switch field.kind {
        case .secret: ""
        case .rank: String(original.rank)
        default: field.text(of: value(field, of: original))
        }
    }

    func trimmed(_ field: Field) -> String {
        String(text(field).trimming(" "))
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
    fileprivate var isTyped: Bool {
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

extension EndpointForm {
    mutating func perform(_ action: ConsoleAction, now: ContinuousClock.Instant) -> Outcome {
        switch action {
        case .nextField: step(1)
        case .previousField: step(-1)
        case .reveal: return reveal(now: now)
        case .cancel: return .cancel
        case .save: return trySave()
        case .test: return tryTest()
        case .difference: differenceScroll = 0
        case .accept:
            switch focus {
            case .save: return trySave()
            case .test: return tryTest()
            case .cancel: return .cancel
            case .field: step(1)
            }
        default: break
        }
        return .stay
    }

    /// Only what is typed here can be shown. If the key took effect later, a secret would be shown that the operator did not ask to
    /// see.
    private mutating func reveal(now: ContinuousClock.Instant) -> Outcome {
        guard secret.isEmpty else {
            revealedUntil = revealedUntil == nil ? now + .seconds(10) : nil
            return .stay
        }
        let isStored =
            focus == .field(Self.secretField)
            ? original?.maskedSecret != nil : Self.fields.contains { $0.kind == .headers && text($0).contains("•") }
        return .refused(isStored ? "a stored secret cannot be shown, only a typed one" : "no secret is typed yet")
    }

    /// A key that the keymap leaves to the field in focus.
    mutating func handle(_ key: Key) {
        guard case .field(let field) = focus else {
            let buttons: [Focus] = [.save, .test, .cancel]
            let index = buttons.firstIndex(of: focus) ?? 0
            if key == .right { focus = buttons[(index + 1) % buttons.count] }
            if key == .left { focus = buttons[(index + buttons.count - 1) % buttons.count] }
            return
        }
        switch field.kind {
        case .choice(let words):
            let before = choices[field]
            choices[field] = Self.choose(from: words, before, by: key)
            noteChoice(of: field, before: before)
            changed(field)
        case .flag: if key == .character(" ") { flags[field]?.toggle() }
        default:
            _ = editors[field]?.handle(key)
            changed(field)
        }
    }

    private static func choose(from all: [String], _ word: String?, by key: Key) -> String? {
        let index = all.firstIndex { $0 == word } ?? 0
        switch key {
        case .right, .character(" "): return all[(index + 1) % all.count]
        case .left: return all[(index + all.count - 1) % all.count]
        default: return word
        }
    }

    mutating func insert(_ text: String) {
        guard case .field(let field) = focus, editors[field] != nil else { return }
        var text = Substring(text)
        // A copied line brings its line end along.
        while text.last?.isNewline == true { text.removeLast() }
        editors[field]?.insert(String(text))
        changed(field)
    }

    mutating func tick(now: ContinuousClock.Instant) {
        if let revealedUntil, revealedUntil <= now { self.revealedUntil = nil }
    }

    /// A save begins, of what is typed now.
    mutating func beginSaving() {
        isSaving = true
        isAskedToLeave = false
        saved = Typed(
            name: name, editors: editors, choices: choices, flags: flags)
    }

    /// The save has failed; what was typed meanwhile goes to where it was typed.
    mutating func refuse(_ failure: CommandRefusal, since: ContinuousClock.Instant) {
        isSaving = false
        let held = held
        self.held = []
        for input in held {
            switch input {
            case .key(let key): handle(key)
            case .step(let action): step(action == .previousField ? -1 : 1)
            case .paste(let text): insert(text)
            }
        }
        refusal = failure
        awaitsRebase = failure.isKeptUnsaved || failure.isConflict
        if failure.isKeptUnsaved { keptSince = since }
        if let field = failure.endpointField { focus = .field(field) }
    }

    private mutating func changed(_ field: Field) {
        touched.insert(field)
        refusal = nil
        testReport = nil
        if secret.isEmpty { revealedUntil = nil }
        suggestAuth()
    }

    mutating func take(preview result: CommandResult) {
        guard compared != nil else { return }
        switch result {
        case .success(.preview(let difference)): preview = .lines(difference.lines)
        case .failure(let failure) where failure.isConflict:
            preview = nil
            awaitsRebase = true
        case .failure(let failure): preview = .refused(SafeText.clean(failure.line))
        case .success: preview = .unknown
        }
    }

    mutating func take(test result: CommandResult) {
        let name = name + ": "
        // Whose form it is stands above.
        func text(_ message: String) -> String {
            SafeText.clean(message.hasPrefix(name) ? String(message.dropFirst(name.count)) : message)
        }
        switch result {
        case .success(.done(let receipt)): testReport = .done(isGood: true, text: text(receipt.message))
        case .failure(let failure): testReport = .done(isGood: false, text: text(failure.line))
        case .success: break
        }
    }

    /// A test needs less than saving does: a place to go to.
    private mutating func tryTest() -> Outcome {
        let problems = problems
        let needed = Self.fields.filter { $0.kind == .file || $0.takesReferences }
        guard let first = needed.first(where: { problems[$0] != nil }) else { return .test }
        touched.insert(first)
        focus = .field(first)
        return .stay
    }

    private mutating func step(_ step: Int) {
        if case .field(let field) = focus { touched.insert(field) }
        let order = Self.order
        let index = order.firstIndex(of: focus) ?? 0
        focus = order[(index + step + order.count) % order.count]
    }

    private mutating func trySave() -> Outcome {
        guard !isSaving else { return .stay }
        touched.formUnion(Self.fields)
        let problems = problems
        if let first = Self.fields.first(where: { problems[$0] != nil }) {
            focus = .field(first)
            return .stay
        }
        refusal = nil
        return .save
    }
}

extension EndpointForm {
    var authType: AuthType {
        get { choices[.authType].flatMap(AuthType.init) ?? .none }
        set { choices[.authType] = newValue.rawValue }
    }

    private static let secretField = Field.authValue

    /// The secret that is typed anew; empty leaves the present one.
    var secret: String { text(Self.secretField) }

    /// Without a way to present it, the present secret goes.
    private var removesSecret: Bool { secret.isEmpty && authType == .none && original?.maskedSecret != nil }

    /// From now on the form suggests no other way to present the secret; and the operator has been in the secret, as it were.
    private mutating func noteChoice(of field: Field, before: String?) {
        guard field == .authType else { return }
        if choices[field] != before { isAuthChosen = true }
        touched.insert(Self.secretField)
    }

    /// A secret is of use only with a way to present it: without the operator's word, the one that the URL asks for.
    private mutating func suggestAuth() {
        guard !isAuthChosen else { return }
        guard let original else {
            authType = usualAuth
            return
        }
        guard original.authType == .none else { return }
        authType = secret.isEmpty ? .none : usualAuth
    }

    /// Anthropic's own API takes its keys as `x-api-key`, everything else a bearer token.
    private var usualAuth: AuthType {
        guard trimmed(.urlOpenAI).isEmpty else { return .authToken }
        let url = trimmed(.url)
        let isAnthropic = url.isEmpty ? !trimmed(.urlAnthropic).isEmpty : url.lowercased().contains("anthropic")
        return isAnthropic ? .apiKey : .authToken
    }

    /// How a typed secret will be presented; nil where it will not be.
    var secretHeader: String? {
        switch authType {
        case .apiKey: "x-api-key"
        case .authToken: "Bearer"
        case .passthrough, .none: nil
        }
    }
}

extension EndpointForm {
    /// What keeps the form from being saved, per field.
    var problems: [Field: String] {
        var problems: [Field: String] = [:]
        for field in Self.fields { problems[field] = problem(of: field) }
        if let first = Field.urls.first, Field.urls.allSatisfy({ trimmed($0).isEmpty }) {
            problems[first] = Field.noURL.brief
        }
        return problems
    }

    private func problem(of field: Field) -> String? {
        let text = trimmed(field)
        switch field.kind {
        case .name where isTaken(text): return "is taken"
        case .secret: return secretProblem(of: field)
        case .headers: return isEdited(field) ? parsedHeaders.problem : nil
        case .proxy:
            guard isEdited(field), !text.isEmpty else { return nil }
            return Field.problem(inProxy: text, keeping: original?.proxy)?.brief
        case .rank:
            if text.isEmpty, original == nil { return nil }
            return Int(text).map { (1...max(1, ranks)).contains($0) } == true ? nil : "must be 1–\(ranks)"
        case .integer(let range):
            guard let value = entered(field) else { return ValueProblem.outOfRange(range, field.key).brief }
            return field.problems(of: value).first?.problem.brief
        default: return entered(field).flatMap { field.problems(of: $0).first?.problem.brief }
        }
    }

    private func secretProblem(of field: Field) -> String? {
        let secret = text(field)
        if secret.isEmpty {
            let isMissing = authType.sendsCredential && original?.maskedSecret == nil
            return isMissing ? "needed for \(authType.rawValue)" : nil
        }
        if secret.contains(" ") { return "has a blank in it" }
        return secretHeader == nil ? "not sent: Auth is \(authType.rawValue)" : nil
    }

    /// What stands beside a field.
    struct Message: Sendable, Equatable {
        enum Kind { case good, bad, note }
        var kind: Kind
        var text: String
    }

    /// What to show beside a field: nothing before the operator has been there.
    func message(for field: Field) -> Message? {
        if let refusal, refusal.endpointField == field {
            return Message(kind: .bad, text: SafeText.clean(refusal.line))
        }
        if let problem = problems[field] { return touched.contains(field) ? Message(kind: .bad, text: problem) : nil }
        if let theirs = theirs[field], isChanged(field) {
            return Message(kind: .note, text: "theirs: \(theirs.isEmpty ? "—" : SafeText.clean(theirs))")
        }
        return field == .name && isEdited(.name) ? Message(kind: .good, text: "unique") : nil
    }

    /// What saving would change, one line each.
    var changes: [String] {
        guard let original else { return ["new endpoint \(SafeText.clean(name))"] }
        let draft = draft
        return Self.fields.compactMap { field in
            guard let value = draft[field], isChanged(field) || field.kind == .secret else { return nil }
            return SafeText.clean(change(of: field, to: value, from: original))
        }
    }

    private func change(of field: Field, to value: FieldValue, from original: Snapshot.Endpoint) -> String {
        let before = field.text(of: Self.value(field, of: original))
        switch (field.kind, value) {
        case (.secret, _): return "\(field.label) \(value == .absent ? "removed" : "replaced")"
        case (.rank, _): return "\(field.label) \(original.rank)→\(field.text(of: value)), pinned there"
        case (.headers, .headers(let headers)):
            var present: [HeaderField] = []
            if case .headers(let headers) = Self.value(field, of: original) { present = headers }
            let changes = HeaderText.changes(from: present, to: headers)
            return "\(field.label): \(changes.joined(separator: ", "))"
        case (.proxy, .absent): return "\(field.label) removed"
        case (.proxy, _): return "\(field.label) \(before.isEmpty ? "set" : "changed")"
        default:
            let after = field.text(of: value)
            return "\(field.label) \(before.isEmpty ? "—" : before)→\(after.isEmpty ? "—" : after)"
        }
    }

    /// The changes in at most `limit` lines.
    func summary(limit: Int) -> [String] {
        let changes = changes
        guard changes.count > limit, limit > 0 else { return changes }
        return Array(changes.prefix(limit - 1)) + ["and \(changes.count - limit + 1) more"]
    }
}

/// What becomes of a form whose endpoint is no longer what it was opened with.
extension EndpointForm {
    /// Takes over what the endpoint is now, where this form was not edited.
    mutating func rebase(in snapshot: ConsolePicture) {
        if keptSince != nil, awaitsRebase { return adoptKept(in: snapshot) }
        guard let before = original else { return }
        guard let endpoint = snapshot.endpoints.first(where: { $0.id == before.id }) else {
            awaitsRebase = false
            refusal = CommandRefusal(
                .noSuchEndpoint, "somebody deleted it meanwhile; nothing can be saved here any more")
            return
        }
        guard endpoint.revision != before.revision else { return }
        var fresh = EndpointForm(editing: endpoint, in: snapshot)
        for field in Self.fields where field.isTyped ? isEdited(field) : isChanged(field) {
            fresh.take(field, from: self)
        }
        fresh.isAuthChosen = isAuthChosen
        fresh.focus = focus
        fresh.touched = touched
        fresh.differenceScroll = differenceScroll
        let changed = Self.fields.filter { Self.differs($0, before, endpoint) }
        for field in changed + theirs.keys where fresh.isChanged(field) {
            fresh.theirs[field] = Self.shownValue(field, of: endpoint)
        }
        let taken = changed.filter { !isChanged($0) }
        fresh.refusal = CommandRefusal(.revisionConflict, fresh.account(ofTaken: taken))
        self = fresh
    }

    /// What could not be written is in memory all the same, and is this form's own: what was typed since stays typed.
    private mutating func adoptKept(in snapshot: ConsolePicture) {
        guard let saved, let endpoint = snapshot.endpoints.first(where: { $0.name == saved.name }),
            endpoint.revision != original?.revision
        else { return }
        var fresh = EndpointForm(editing: endpoint, in: snapshot)
        for field in Self.fields
        where editors[field]?.text != saved.editors[field]?.text || choices[field] != saved.choices[field]
            || flags[field] != saved.flags[field]
        {
            fresh.take(field, from: self)
        }
        fresh.isAuthChosen = isAuthChosen
        fresh.focus = focus
        fresh.refusal = refusal
        fresh.keptSince = keptSince
        self = fresh
    }

    /// Whether the endpoint is what was kept in memory for this form.
    func isKept(in snapshot: ConsolePicture) -> Bool {
        guard let original, let endpoint = snapshot.endpoints.first(where: { $0.id == original.id }) else {
            return false
        }
        return Self.fields.allSatisfy { $0 == .priority || !Self.differs($0, original, endpoint) }
    }

    /// What stands in another form's row.
    private mutating func take(_ field: Field, from other: EndpointForm) {
        editors[field] = other.editors[field]
        choices[field] = other.choices[field]
        flags[field] = other.flags[field]
    }

    /// Whether the operator made it something else than the endpoint has.
    func isChanged(_ field: Field) -> Bool {
        switch field.kind {
        case .choice, .flag: return entered(field) != Self.value(field, of: original)
        case .secret, .headers, .rank: return isEdited(field)
        case .proxy: return isEdited(field)
        case .words, .renamings: return isEdited(field) && entered(field) != Self.value(field, of: original)
        default: return isEdited(field) && (original == nil || entered(field) != Self.value(field, of: original))
        }
    }

    private func account(ofTaken taken: [Field]) -> String {
        func labels(_ fields: [Field]) -> String { fields.map(\.shortLabel).joined(separator: ", ") }
        let clashes = Self.fields.filter { theirs[$0] != nil }
        var words: [String] = []
        if !taken.isEmpty { words.append("taken over \(labels(taken))") }
        if !clashes.isEmpty { words.append("theirs beside \(labels(clashes))") }
        if words.isEmpty { words.append("nothing that is seen here") }
        return "Somebody changed it: \(words.joined(separator: "; ")). Not saved yet."
    }

    /// Ranks change by themselves: only a pinned one was chosen by an operator.
    private static func differs(_ field: Field, _ before: Snapshot.Endpoint, _ after: Snapshot.Endpoint) -> Bool {
        if field == .priority, !after.pinned { return false }
        return shownValue(field, of: before) != shownValue(field, of: after)
    }

    private static func shownValue(_ field: Field, of endpoint: Snapshot.Endpoint) -> String {
        field.kind == .secret
            ? endpoint.maskedSecret ?? ""
            : field.isTyped
                ? originalText(field, endpoint) : field.text(of: value(field, of: endpoint))
    }
}
