import ArgumentParser
import Configuration
import PodiumModel
import Control

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
