// Contrast of texts as WCAG counts it, asked in the page.
/** Runs in the page: each text's colour against what lies behind it, by WCAG's formula. */
export function poorTexts() {
    const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    const rgba = (css) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = css;
        canvas.fillRect(0, 0, 1, 1);
        const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
        return { r, g, b, a: a / 255 };
    };
    const light = ({ r, g, b }) =>
        [r, g, b]
            .map((v) => v / 255)
            .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
            .reduce((sum, v, n) => sum + v * [0.2126, 0.7152, 0.0722][n], 0);
    const over = (top, under) => ({
        r: top.r * top.a + under.r * (1 - top.a),
        g: top.g * top.a + under.g * (1 - top.a),
        b: top.b * top.a + under.b * (1 - top.a),
        a: 1,
    });
    const behind = (el) => {
        const layers = [];
        for (let e = el; e; e = e.parentElement) {
            const layer = rgba(getComputedStyle(e).backgroundColor);
            if (layer.a) layers.push(layer);
            if (layer.a === 1) break;
        }
        return layers
            .reverse()
            .reduce((under, top) => over(top, under), { r: 255, g: 255, b: 255, a: 1 });
    };
    const poor = [];
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    while (walk.nextNode()) {
        const el = walk.currentNode.parentElement;
        if (
            !walk.currentNode.data.trim() ||
            !el.checkVisibility({ opacityProperty: true, visibilityProperty: true })
        )
            continue;
        if (el.closest(".unseen, .skip, .stage, .board, :disabled, noscript, script")) continue;
        const under = behind(el);
        const [a, b] = [light(over(rgba(getComputedStyle(el).color), under)), light(under)].sort(
            (x, y) => y - x,
        );
        const ratio = (a + 0.05) / (b + 0.05);
        if (ratio < 4.5)
            poor.push(
                `${ratio.toFixed(2)} "${walk.currentNode.data.trim().slice(0, 30)}" .${el.className}`,
            );
    }
    return poor;
}
