import ArgumentParser
import Console

/// Options that `run` and `demo` share.
struct ConsoleOptions: ParsableArguments {
    @Flag(help: "Serve without a console and log to standard error.")
    var headless = false

    @OptionGroup var picture: PictureOptions
}

/// How a console looks, wherever the proxy runs.
struct PictureOptions: ParsableArguments {
    @Flag(name: .customLong("read-only"), help: "Show everything, change nothing.")
    var readOnly = false

    @Flag(help: "Plain lines instead of a picture, for screen readers: what happens is printed, commands are words.")
    var plain = false

    @Flag(help: "ASCII glyphs only.")
    var ascii = false

    @Option(help: "Colours: dark, light, contrast or mono.")
    var theme: ThemeName?

    @Option(help: "Colours at most: 8, 16, 256 or truecolor; without, as many as the terminal is known to show.")
    var colors: ColorsName?

    @Option(help: "How often the picture is renewed, 200ms to 10s.")
    var refresh: RefreshInterval = RefreshInterval(duration: .seconds(1))
}

/// A theme by its name; anything else is a usage error.
enum ThemeName: String, ExpressibleByArgument, CaseIterable {
    case dark, light, contrast, mono
}

/// How many colours, as the operator writes it; anything else is a usage error.
enum ColorsName: String, ExpressibleByArgument, CaseIterable {
    case eight = "8"
    case sixteen = "16"
    case palette = "256"
    case direct = "truecolor"

    var depth: ColorDepth {
        switch self {
        case .eight: .eight
        case .sixteen: .sixteen
        case .palette: .palette
        case .direct: .direct
        }
    }
}

/// A duration argument such as `500ms` or `2s`.
struct RefreshInterval: ExpressibleByArgument {
    let duration: Duration

    init(duration: Duration) {
        self.duration = duration
    }

    init?(argument: String) {
        let parsed: Duration? =
            if argument.hasSuffix("ms") {
                Int(argument.dropLast(2)).map { .milliseconds($0) }
            } else if argument.hasSuffix("s") {
                Double(argument.dropLast()).flatMap { $0.isFinite && $0 < 1e6 ? .seconds($0) : nil }
            } else {
                nil
            }
        guard let parsed, (.milliseconds(200)...Duration.seconds(10)).contains(parsed) else {
            return nil
        }
        duration = parsed
    }

    var defaultValueDescription: String { "1s" }
}
