import ArgumentParser
import Configuration
import Control
import PodiumModel

/// The fields of an endpoint as options, one for each row of the table. An empty text takes a field away.
///
/// `ArgumentParser` finds the options of a type by its mirror and decodes them by their names there: both are made from
/// ``EndpointField`` here, so that a new field is an option without a line for it.
struct EndpointFields: ParsableArguments, CustomReflectable {
    /// What was given, but for the headers, which depend on those that are there, and a credential on standard input.
    private var patch = EndpointPatch()
    private var headerArguments: [HeaderArgument] = []
    private var secretFromStdin = false

    init() {}

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Key.self)
        for field in EndpointField.current where field.isOption {
            let key = Key(field.key)
            switch field.kind {
            case .flag:
                patch[field] = try container.decode(Flag<Bool?>.self, forKey: key).wrappedValue.map(FieldValue.boolean)
            case .rank, .integer:
                patch[field] = try container.decode(Option<Int?>.self, forKey: key).wrappedValue.map(FieldValue.integer)
            case .words:
                let words = try container.decode(Option<[String]>.self, forKey: key).wrappedValue
                if !words.isEmpty { patch[field] = .list(words.filter { !$0.isEmpty }) }
            case .renamings:
                let texts = try container.decode(Option<[String]>.self, forKey: key).wrappedValue
                if !texts.isEmpty { patch[field] = .renamings(texts.filter { !$0.isEmpty }.map { Renaming($0) }) }
            case .headers:
                headerArguments = try container.decode(Option<[HeaderArgument]>.self, forKey: key).wrappedValue
            case .name, .text, .file, .url, .secret, .choice, .proxy:
                let text = try container.decode(Option<String?>.self, forKey: key).wrappedValue
                patch[field] = text.map { $0.isEmpty ? .absent : .text($0) }
                guard field.kind == .secret else { continue }
                secretFromStdin = try container.decode(Flag<Bool>.self, forKey: .secretFromStdin).wrappedValue
            }
        }
    }

    var customMirror: Mirror {
        var options: [(label: String?, value: Any)] = []
        for field in EndpointField.current where field.isOption {
            options.append((field.key, field.option))
            if field.kind == .secret { options.append((Key.secretFromStdin.stringValue, Self.secretFlag)) }
        }
        return Mirror(self, children: options, displayStyle: .struct)
    }

    private static var secretFlag: Flag<Bool> {
        Flag(
            wrappedValue: false, name: .customLong("secret-from-stdin"),
            help: "Read the credential itself from standard input.")
    }

    var headers: [HeaderOption] { headerArguments.compactMap { try? $0.option.get() } }

    func validate() throws {
        for header in headerArguments { _ = try header.option.get() }
        guard !secretFromStdin || !patch.values.keys.contains(where: { $0.kind == .secret }) else {
            throw ValidationError("--auth-value and --secret-from-stdin exclude each other")
        }
        for (field, value) in patch.values.sorted(by: { $0.key.key < $1.key.key }) {
            if case .text(let text) = value { try Self.check(text, as: field) }
        }
    }

    /// Here and not where the argument is read: there the value would be printed, and a secret can be in the wrong place.
    private static func check(_ text: String, as field: EndpointField) throws {
        let areVisible = "arguments are visible to everybody on this machine: give"
        switch field.kind {
        case .choice(let words) where !words.contains(text):
            throw ValidationError("--\(field.optionName) takes one of \(words.joined(separator: ", "))")
        case .secret where SecretExpansion.isLiteral(text):
            throw ValidationError(
                "\(areVisible) --\(field.optionName) '${NAME}' (in single quotes), or --secret-from-stdin")
        case .proxy:
            let proxy: OutboundProxy
            do throws(ValueProblem) {
                proxy = try ProxyText.parse(text)
            } catch {
                throw ValidationError("--\(field.optionName): \(error.message); \(error.fix)")
            }
            guard let password = proxy.password, SecretExpansion.isLiteral(password) else { return }
            throw ValidationError("\(areVisible) the proxy's password as '${NAME}' (in single quotes)")
        default: break
        }
    }

    /// All but the headers, which depend on those that are there. Reads the credential if it comes on standard input.
    func document() throws -> EndpointPatch {
        var patch = patch
        for field in EndpointField.current where field.kind == .secret && secretFromStdin {
            patch[field] = .text(try SecretInput.read())
        }
        return patch
    }

    private struct Key: CodingKey {
        static let secretFromStdin = Key("secretFromStdin")

        let stringValue: String
        var intValue: Int? { nil }

        init(_ name: String) { stringValue = name }
        init(stringValue: String) { self.stringValue = stringValue }
        init?(intValue: Int) { nil }
    }
}

extension EndpointField {
    /// What has a verb of its own, as `enable` and `pin`, needs no option.
    fileprivate var isOption: Bool {
        switch kind {
        case .name: false
        case .flag: !traits.contains(.rankOrSwitch)
        default: true
        }
    }

    /// Without the dashes. An option that is repeated has the name of one of the list.
    fileprivate var optionName: String {
        let key = documentKey.replacing("_", with: "-")
        return switch kind {
        case .words, .headers: String(key.dropLast())
        default: key
        }
    }

    /// The option, as a property of the command would define it.
    fileprivate var option: Any {
        let name = NameSpecification.customLong(optionName)
        return switch kind {
        case .flag: Flag<Bool?>(name: name, inversion: .prefixedNo, help: ArgumentHelp(help))
        case .rank, .integer: Option<Int?>(name: name, help: ArgumentHelp(help))
        case .words: Option<[String]>(wrappedValue: [], name: name, help: ArgumentHelp(help))
        case .renamings:
            Option<[String]>(wrappedValue: [], name: name, help: ArgumentHelp(help, valueName: "pattern=name"))
        case .headers:
            Option<[HeaderArgument]>(
                wrappedValue: [], name: name, help: ArgumentHelp(help, valueName: "header"),
                transform: HeaderArgument.init)
        case .choice(let words):
            Option<String?>(
                name: name, help: ArgumentHelp("\(help) (values: \(words.joined(separator: ", ")))"),
                completion: .list(words))
        case .secret: Option<String?>(name: name, help: ArgumentHelp(help, valueName: "reference"))
        case .proxy: Option<String?>(name: name, help: ArgumentHelp(help, valueName: "url"))
        case .file: Option<String?>(name: name, help: ArgumentHelp(help, valueName: "file"), completion: .file())
        case .name, .text, .url: Option<String?>(name: name, help: ArgumentHelp(help))
        }
    }
}

/// `--header` as it was given. What is wrong with it is found once all arguments are read: what an argument's own reader says is
/// printed with the argument, which can be a secret.
struct HeaderArgument {
    let option: Result<HeaderOption, ValidationError>

    init(_ argument: String) {
        do {
            option = .success(try HeaderOption(argument))
        } catch {
            option = .failure(error as? ValidationError ?? ValidationError("\(error)"))
        }
    }
}

/// `--header 'NAME: VALUE'` gives an endpoint a request header, `--header 'NAME:'` takes it away.
struct HeaderOption: Equatable {
    let name: String
    /// nil takes the header away.
    let value: String?

    /// - Throws: `ValidationError`, also for a secret in the clear.
    init(_ argument: String) throws {
        guard let colon = argument.firstIndex(of: ":"), colon > argument.startIndex else {
            throw ValidationError("write it like 'x-team: blue', or 'x-team:' to take the header away")
        }
        name = String(argument[..<colon])
        let text = argument[argument.index(after: colon)...].drop { $0 == " " }
        value = text.isEmpty ? nil : String(text)
        guard !HeaderField(name: name, value: String(text)).holdsSecret else {
            throw ValidationError(
                "arguments are visible to everybody on this machine: give '\(name): ${NAME}' (in single quotes)")
        }
    }

    /// The headers of the present names with the options carried out in their order. Present values are not repeated: secret ones
    /// are not known here, and a header with the stand-in for a value keeps its own.
    static func apply(_ options: [HeaderOption], to present: [String]) -> [HeaderField] {
        var headers = present.map { HeaderField(name: $0, value: EndpointPatch.keptSecret) }
        for option in options {
            let index = headers.firstIndex { $0.name.lowercased() == option.name.lowercased() }
            switch (index, option.value) {
            case (let index?, nil): headers.remove(at: index)
            case (let index?, let value?): headers[index].value = value
            case (nil, let value?): headers.append(HeaderField(name: option.name, value: value))
            case (nil, nil): break
            }
        }
        return headers
    }
}
