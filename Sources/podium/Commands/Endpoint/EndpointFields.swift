import ArgumentParser
import Configuration
import PodiumModel
import Control

/// The fields of an endpoint as options. An empty text takes a field away.
struct EndpointFields: ParsableArguments {
    @Option(help: "Base URL for any path.")
    var url: String?

    @Option(name: .customLong("url-anthropic"), help: "Base URL for the Anthropic API.")
    var urlAnthropic: String?

    @Option(name: .customLong("url-openai"), help: "Base URL for the OpenAI APIs.")
    var urlOpenAI: String?

    @Option(help: "How the credential is sent: api_key, auth_token, passthrough or none.")
    var authType: CredentialUse?

    @Option(
        help: ArgumentHelp(
            "The credential as a reference, '${NAME}'. Write it in single quotes, or the shell expands it.",
            valueName: "reference"))
    var authValue: String?

    @Flag(name: .customLong("secret-from-stdin"), help: "Read the credential itself from standard input.")
    var secretFromStdin = false

    @Option(help: "The rank to place it at, pinned.")
    var rank: Int?

    @Option(name: .customLong("tag"), help: "A free word; repeat it for more. The words replace those it had.")
    var tags: [String] = []

    @Option(
        name: .customLong("header"),
        help: ArgumentHelp(
            "A request header, 'NAME: VALUE'; 'NAME:' takes it away. Repeat it for more; other headers stay.",
            valueName: "header"),
        transform: HeaderArgument.init)
    var headerArguments: [HeaderArgument] = []

    var headers: [HeaderOption] { headerArguments.compactMap { try? $0.option.get() } }

    @Option(
        help: ArgumentHelp(
            "The proxy to reach it through: socks5://HOST:PORT or http://HOST:PORT, with '${USER}:${PASSWORD}@' in front.",
            valueName: "url"))
    var proxy: String?

    @Option(
        name: .customLong("openai-preference"),
        help: "Which of OpenAI's APIs it speaks: responses, chat_completions, or auto to learn it anew.")
    var openAIPreference: PreferredAPI?

    @Option(help: "Whether cookies pass between clients and the endpoint: off or pass.")
    var cookies: CookieUse?

    @Flag(inversion: .prefixedNo, help: "Whether the endpoint is told who asks: Via, X-Forwarded-For and their kin.")
    var forwarded: Bool?

    func validate() throws {
        for header in headerArguments { _ = try header.option.get() }
        try Self.check("--auth-type", authType?.rawValue, CredentialUse.allValueStrings)
        try Self.check("--cookies", cookies?.rawValue, CookieUse.allValueStrings)
        try Self.check("--openai-preference", openAIPreference?.rawValue, PreferredAPI.allValueStrings)
        guard !secretFromStdin || authValue == nil else {
            throw ValidationError("--auth-value and --secret-from-stdin exclude each other")
        }
        if let authValue, !authValue.isEmpty, SecretExpansion.isLiteral(authValue) {
            throw ValidationError(
                "arguments are visible to everybody on this machine: give --auth-value '${NAME}' (in single quotes), or "
                    + "--secret-from-stdin")
        }
        if let proxy, !proxy.isEmpty { try Self.check(proxy: proxy) }
    }

    /// Here and not where the argument is read: there the value would be printed, and a secret can be in the wrong place.
    private static func check(_ option: String, _ value: String?, _ known: [String]) throws {
        guard let value, !known.contains(value) else { return }
        throw ValidationError("\(option) takes one of \(known.joined(separator: ", "))")
    }

    private static func check(proxy text: String) throws {
        let proxy: OutboundProxy
        do throws(ValueProblem) {
            proxy = try ProxyText.parse(text)
        } catch {
            throw ValidationError("--proxy: \(error.message); \(error.fix)")
        }
        if let password = proxy.password, SecretExpansion.isLiteral(password) {
            throw ValidationError(
                "arguments are visible to everybody on this machine: give the proxy's password as '${NAME}' (in single "
                    + "quotes)")
        }
    }

    /// All but the headers, which depend on those that are there. Reads the credential if it comes on standard input.
    func document() throws -> EndpointDocument {
        var document = EndpointDocument()
        document.url = Self.change(url)
        document.urlAnthropic = Self.change(urlAnthropic)
        document.urlOpenAI = Self.change(urlOpenAI)
        document.authType = authType?.rawValue
        document.authValue = secretFromStdin ? .set(try SecretInput.read()) : Self.change(authValue)
        document.rank = rank
        if !tags.isEmpty { document.tags = tags.filter { !$0.isEmpty } }
        document.proxy = Self.change(proxy)
        document.openAIPreference = openAIPreference?.rawValue
        document.cookies = cookies?.rawValue
        document.forwarded = forwarded
        return document
    }

    private static func change(_ text: String?) -> FieldChange {
        guard let text else { return .absent }
        return text.isEmpty ? .removed : .set(text)
    }
}

/// The values of `auth_type`, as an argument.
struct CredentialUse: ExpressibleByArgument, RawRepresentable {
    var rawValue: String

    init(rawValue: String) {
        self.rawValue = rawValue
    }

    static var allValueStrings: [String] { AuthType.allCases.map(\.rawValue) }
}

/// The values of `cookies`, as an argument.
struct CookieUse: ExpressibleByArgument, RawRepresentable {
    var rawValue: String

    init(rawValue: String) {
        self.rawValue = rawValue
    }

    static var allValueStrings: [String] { CookiePolicy.allCases.map(\.rawValue) }
}

/// The values of `openai_preference`, as an argument.
struct PreferredAPI: ExpressibleByArgument, RawRepresentable {
    var rawValue: String

    init(rawValue: String) {
        self.rawValue = rawValue
    }

    static var allValueStrings: [String] { OpenAIPreference.allCases.map(\.rawValue) }
}
